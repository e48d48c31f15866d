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

log = structlog.get_logger()

ATTEMPT, FIRST_SEEN, REASON, ERROR = "x-attempt", "x-first-seen", "x-reason", "x-error"
MAX_ERROR_CHARACTERS = 500


def attempt_of(message: AbstractIncomingMessage) -> int:
    """Return which attempt this delivery is, from 1."""
    attempt = message.headers.get(ATTEMPT)
    return attempt if isinstance(attempt, int) else 1


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

    async def retry(self, message: AbstractIncomingMessage, error: Exception) -> None:
        """Have the message come again after the delay of its attempt, or bury it after the last."""
        attempt, delays = attempt_of(message), self.topology.retry_delays
        if attempt > len(delays):
            await self.bury(message, "exhausted", error)
            return
        delay = delays[attempt - 1]
        log.warning("event_failed", retry_in_seconds=delay, exc_info=error)
        await self._copy(message, self.topology.retry_queue(delay), {ATTEMPT: attempt + 1})

    async def bury(self, message: AbstractIncomingMessage, reason: str, error: Exception) -> None:
        """Put the message with the dead letters, where it stays until someone looks."""
        text = f"{type(error).__name__}: {error}"[:MAX_ERROR_CHARACTERS]
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
