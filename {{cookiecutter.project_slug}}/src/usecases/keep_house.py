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

    async def execute(self) -> bool:
        """Do some of all of it, and tell whether there may be more to do."""
        async with self.unit_of_work() as uow:
            now = uow.now
            sessions = await uow.sessions.forget_expired_sessions(now - SESSION_RETENTION)
            await uow.commit()
        messages = await self.records.forget_processed(now - INBOX_RETENTION)
        if sessions or messages:
            log.info("house_kept", sessions=sessions, messages=messages)
        oldest = await self.records.oldest_waiting()
        if oldest and now - oldest > OUTBOX_PATIENCE:
            log.warning("outbox_behind", oldest_seconds=int((now - oldest).total_seconds()))
        return bool(sessions or messages)
