"""What has to be done from time to time."""

from dataclasses import dataclass
from datetime import timedelta

import structlog

from src.usecases.ports.messaging import MessageRecords
from src.usecases.ports.unit_of_work import UnitOfWorkFactory

log = structlog.get_logger()

INBOX_RETENTION = SESSION_RETENTION = timedelta(days=7)
OUTBOX_PATIENCE = timedelta(minutes=1)


@dataclass(frozen=True)
class KeepHouse:
    """Forget messages handled, and sessions expired, more than a week ago.

    Say so when events wait longer than a minute. A message that comes again after a week has its
    effect again: no retry waits that long, but a dead letter may.
    """

    records: MessageRecords
    unit_of_work: UnitOfWorkFactory

    async def execute(self) -> None:
        """Do all of it."""
        async with self.unit_of_work() as uow:
            now = uow.now
            while sessions := await uow.sessions.forget_expired_sessions(now - SESSION_RETENTION):
                await uow.commit()
                log.info("sessions_purged", sessions=sessions)
        while messages := await self.records.forget_processed(now - INBOX_RETENTION):
            log.info("inbox_purged", messages=messages)
        oldest = await self.records.oldest_waiting()
        if oldest and now - oldest > OUTBOX_PATIENCE:
            log.warning("outbox_behind", oldest_seconds=int((now - oldest).total_seconds()))
