"""What happens to a message that was not handled: a later attempt, or the dead letters.

A copy is published and confirmed before the original is acknowledged. A crash in between leaves two
messages and never none, and the inbox makes the second one harmless.
"""

from datetime import UTC, datetime

import structlog
from aio_pika import Message
from aio_pika.abc import AbstractIncomingMessage, HeadersType

from src.repositories.outbox.unknown import may_wait
from src.repositories.rabbitmq.connection import PUBLISH_TIMEOUT_SECONDS
from src.repositories.rabbitmq.topology import Topology
from src.usecases.errors import DatabaseUnavailableError
from src.usecases.ports.messaging import PermanentError, UnknownEventError, format_error

log = structlog.get_logger()

ATTEMPT = "x-attempt"
WAITS = "x-waits"
FIRST_SEEN = "x-first-seen"
REASON = "x-reason"
ERROR = "x-error"


class UnansweredError(Exception):
    """A worker got this message, and died or lost its connection before it acknowledged it."""


def attempt_of(message: AbstractIncomingMessage) -> int:
    """Return the number of this attempt, from 1. An invalid header counts as 1."""
    return _count(message, ATTEMPT) or 1


async def reject(
    topology: Topology, message: AbstractIncomingMessage, error: PermanentError
) -> None:
    """Send a message that this version cannot handle to the dead letters.

    An event of an unknown type first waits for a newer version, for a day. A copy arrives after
    each longest delay, and no attempt is counted.
    """
    waits = _count(message, WAITS)
    delay = max(topology.retry_delays)
    if isinstance(error, UnknownEventError) and may_wait(error, waits, delay):
        headers = {**_headers(message, attempt_of(message)), WAITS: waits + 1}
        await send_copy(topology, message, topology.retry_queue(delay), headers)
    else:
        await send_to_dead_letters(topology, message, error.reason, error)


async def retry(topology: Topology, message: AbstractIncomingMessage, error: Exception) -> bool:
    """Store a copy as the next attempt, which arrives after the delay of this one.

    After the last attempt, send the message to the dead letters and return True. An attempt without
    a database does not count, because then no message can be handled.
    """
    attempt = attempt_of(message)
    delays = topology.retry_delays
    # A busy database counts: the message may be the cause.
    counts = type(error) is not DatabaseUnavailableError
    if counts and attempt > len(delays):
        await send_to_dead_letters(topology, message, "exhausted", error)
        return True
    delay = delays[min(attempt, len(delays)) - 1]
    log.warning("event_failed", retry_in_seconds=delay, exc_info=error)
    headers = _headers(message, attempt + counts)
    await send_copy(topology, message, topology.retry_queue(delay), headers)
    return False


async def retry_unanswered(topology: Topology, message: AbstractIncomingMessage) -> bool:
    """Store the next attempt of a message that a worker got and did not acknowledge."""
    return await retry(topology, message, UnansweredError())


async def send_to_dead_letters(
    topology: Topology, message: AbstractIncomingMessage, reason: str, error: Exception
) -> None:
    """Store a copy in the dead queue, with the reason and the error."""
    text = format_error(error)
    log.error("event_dead_lettered", reason=reason, error=text)
    headers = {**_headers(message, attempt_of(message)), REASON: reason, ERROR: text}
    await send_copy(topology, message, topology.dead_queue, headers)


async def send_copy(
    topology: Topology, message: AbstractIncomingMessage, queue: str, headers: HeadersType
) -> None:
    """Return once a queue has stored a copy with these headers, or raise.

    The copy uses the message's own channel. If that channel is lost, the message can no longer be
    acknowledged, and the broker redelivers it.
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
        exchange=topology.queues_exchange,
        routing_key=queue,
        properties=copy.properties,
        mandatory=True,
        timeout=PUBLISH_TIMEOUT_SECONDS,
    )


def _count(message: AbstractIncomingMessage, header: str) -> int:
    count = message.headers.get(header)
    return count if type(count) is int and count > 0 else 0


def _headers(message: AbstractIncomingMessage, attempt: int) -> HeadersType:
    return {
        ATTEMPT: attempt,
        WAITS: _count(message, WAITS),
        FIRST_SEEN: message.headers.get(FIRST_SEEN, datetime.now(UTC).isoformat()),
    }
