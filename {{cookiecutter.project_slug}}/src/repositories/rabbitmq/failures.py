"""Where a message goes that could not be handled: back later, or to the dead letters.

A copy is published and confirmed before the original is acknowledged, so that a crash in between
leaves two messages and never none; the inbox makes the second harmless.
"""

from datetime import UTC, datetime

import structlog
from aio_pika import Message
from aio_pika.abc import AbstractIncomingMessage, HeadersType

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


async def retry(topology: Topology, message: AbstractIncomingMessage, error: Exception) -> bool:
    """Have the message come again after the delay of its attempt.

    After the last attempt, bury it and return True. An attempt without a database does not count,
    for no message can be handled then.
    """
    attempt, delays = attempt_of(message), topology.retry_delays
    counts = type(error) is not DatabaseUnavailableError  # busy counts: it may be the message
    if counts and attempt > len(delays):
        await bury(topology, message, "exhausted", error)
        return True
    delay = delays[min(attempt, len(delays)) - 1]
    log.warning("event_failed", retry_in_seconds=delay, exc_info=error)
    await send_copy(message, topology.retry_queue(delay), _headers(message, attempt + counts))
    return False


async def bury(
    topology: Topology, message: AbstractIncomingMessage, reason: str, error: Exception
) -> None:
    """Put the message with the dead letters, where it stays until someone looks."""
    text = error_text(error)
    log.error("event_dead", reason=reason, error=text)
    headers = {**_headers(message, attempt_of(message)), REASON: reason, ERROR: text}
    await send_copy(message, topology.dead_queue, headers)


async def send_copy(message: AbstractIncomingMessage, queue: str, headers: HeadersType) -> None:
    """Return once a copy with these headers is stored in a queue, or raise.

    It goes by the channel that the message came by: when that is lost, so is the right to
    acknowledge the message, and it comes again by itself.
    """
    copy = Message(
        message.body,
        headers=headers,
        message_id=message.message_id,
        correlation_id=message.correlation_id,
        type=message.type,
        content_type=message.content_type,
        delivery_mode=message.delivery_mode,
    )
    await message.channel.basic_publish(
        copy.body,
        routing_key=queue,
        properties=copy.properties,
        mandatory=True,
        timeout=PUBLISH_TIMEOUT_SECONDS,
    )


def _headers(message: AbstractIncomingMessage, attempt: int) -> HeadersType:
    return {
        ATTEMPT: attempt,
        FIRST_SEEN: message.headers.get(FIRST_SEEN, datetime.now(UTC).isoformat()),
    }
