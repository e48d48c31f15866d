"""What has to be done from time to time."""

from dataclasses import dataclass
from datetime import timedelta

import structlog

from src.usecases.ports.messaging import MessageRecords
from src.usecases.ports.security import Clock

log = structlog.get_logger()

INBOX_RETENTION = timedelta(days=7)
OUTBOX_PATIENCE = timedelta(minutes=1)


@dataclass(frozen=True)
class KeepHouse:
    """Forget messages handled more than a week ago; say so when events wait longer than a minute.

    A message that comes again after a week has its effect again: no retry waits that long, but a
    dead letter may.
    """

    records: MessageRecords
    clock: Clock

    async def execute(self) -> None:
        """Do both."""
        now = self.clock()
        forgotten = await self.records.forget_processed(now - INBOX_RETENTION)
        if forgotten:
            log.info("inbox_purged", messages=forgotten)
        oldest = await self.records.oldest_waiting()
        if oldest and now - oldest > OUTBOX_PATIENCE:
            log.warning("outbox_behind", oldest_seconds=int((now - oldest).total_seconds()))
