"""Publishing committed events."""

import asyncio

import structlog

from src.usecases.ports.event_publisher import EventPublisher, PublishError
from src.usecases.ports.outbox import Outbox, OutboxMessage

log = structlog.get_logger()

BATCH_SIZE = 100


class RelayOutbox:
    """Publish the oldest waiting events, and forget each only once the broker has taken it.

    An event is published at least once: a relay that dies between a confirm and its own commit
    leaves it for another to publish again. Order is kept within a batch's sending, not promised.
    """

    def __init__(self, outbox: Outbox, publisher: EventPublisher) -> None:
        self._outbox = outbox
        self._publisher = publisher

    async def execute(self) -> int:
        """Relay one batch and return its size; raise `BrokerUnavailableError`."""
        await self._publisher.connect()
        async with self._outbox.lock_batch(BATCH_SIZE) as batch:
            errors = await asyncio.gather(*map(self._publish, batch.messages))
            await batch.settle({sequence: error for sequence, error in errors if error})
        return len(batch.messages)

    async def _publish(self, message: OutboxMessage) -> tuple[int, str | None]:
        """Return the message's sequence, and what went wrong if anything did."""
        context = {
            "event_id": str(message.event_id),
            "event_type": message.event_type,
            "request_id": message.envelope.get("requestid"),
            "attempt": message.attempts + 1,
        }
        try:
            await self._publisher.publish(message)
        except PublishError as error:
            log.warning("event_not_published", error=str(error), **context)
            return message.sequence, str(error)
        log.info("event_published", **context)
        return message.sequence, None
