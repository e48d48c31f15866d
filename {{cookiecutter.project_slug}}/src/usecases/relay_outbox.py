"""Publishing committed events."""

from dataclasses import dataclass

import structlog

from src.usecases.ports.publishing import EventPublisher, Outbox, OutboxMessage, PublishError

log = structlog.get_logger()

BATCH_SIZE = 250
"""Large enough that the database's part of a batch is small beside the broker's."""


@dataclass(frozen=True)
class RelayOutbox:
    """Publish waiting events, and forget each only once the broker has taken it.

    At least once: a relay that dies between a confirm and its own commit leaves the event for
    another to publish again.
    """

    outbox: Outbox
    publisher: EventPublisher

    async def execute(self) -> int:
        """Relay one batch and return its size, or raise `BrokerUnavailableError`."""
        await self.publisher.connect()
        return await self.outbox.relay(BATCH_SIZE, self._publish)

    async def _publish(self, message: OutboxMessage) -> None:
        about = {
            "event_id": str(message.event_id),
            "event_type": message.event_type,
            "request_id": message.envelope.get("requestid"),
            "attempt": message.attempts + 1,
        }
        try:
            await self.publisher.publish(message)
        except PublishError as error:
            log.warning("event_not_published", error=str(error), **about)
            raise
        log.info("event_published", **about)
