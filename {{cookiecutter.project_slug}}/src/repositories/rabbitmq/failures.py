"""Where a message goes that could not be handled: back later, or to the dead letters.

A copy is published and confirmed before the original is acknowledged, so that a crash in between
leaves two messages and never none; the inbox makes the second harmless.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from aio_pika import Message
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage, HeadersType

from src.repositories.rabbitmq.connection import PUBLISH_TIMEOUT_SECONDS
from src.repositories.rabbitmq.topology import Topology
from src.usecases.ports.messaging import error_text
from src.usecases.ports.unit_of_work import DatabaseUnavailableError

log = structlog.get_logger()

ATTEMPT, FIRST_SEEN, REASON, ERROR = "x-attempt", "x-first-seen", "x-reason", "x-error"


def attempt_of(message: AbstractIncomingMessage) -> int:
    """Return which attempt this delivery is, from 1."""
    attempt = message.headers.get(ATTEMPT)
    return attempt if type(attempt) is int and attempt > 0 else 1


def copy_of(message: AbstractIncomingMessage, headers: HeadersType) -> Message:
    """Return the same message with other headers."""
    return Message(
        message.body,
        headers=headers,
        message_id=message.message_id,
        correlation_id=message.correlation_id,
        type=message.type,
        content_type=message.content_type,
        delivery_mode=message.delivery_mode,
    )


@dataclass(frozen=True)
class FailureRoutes:
    """Publishes failed messages to the retry queues and to the dead queue."""

    channel: AbstractChannel
    topology: Topology

    async def retry(self, message: AbstractIncomingMessage, error: Exception) -> bool:
        """Have the message come again after the delay of its attempt.

        After the last attempt, bury it and return True. An attempt without a database does not
        count, for no message can be handled then.
        """
        attempt, delays = attempt_of(message), self.topology.retry_delays
        counts = not isinstance(error, DatabaseUnavailableError)
        if counts and attempt > len(delays):
            await self.bury(message, "exhausted", error)
            return True
        delay = delays[min(attempt, len(delays)) - 1]
        log.warning("event_failed", retry_in_seconds=delay, exc_info=error)
        await self._copy(message, self.topology.retry_queue(delay), {ATTEMPT: attempt + counts})
        return False

    async def bury(self, message: AbstractIncomingMessage, reason: str, error: Exception) -> None:
        """Put the message with the dead letters, where it stays until someone looks."""
        text = error_text(error)
        log.error("event_dead", reason=reason, error=text)
        headers: HeadersType = {ATTEMPT: attempt_of(message), REASON: reason, ERROR: text}
        await self._copy(message, self.topology.dead_queue, headers)

    async def _copy(
        self, message: AbstractIncomingMessage, queue: str, headers: HeadersType
    ) -> None:
        first_seen = message.headers.get(FIRST_SEEN, datetime.now(UTC).isoformat())
        copy = copy_of(message, {FIRST_SEEN: first_seen, **headers})
        exchange = self.channel.default_exchange
        await exchange.publish(copy, queue, timeout=PUBLISH_TIMEOUT_SECONDS)
