"""The events that no consumer has taken although they are due."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import func, select

from src.repositories.outbox.tables import OutboxRow
from src.repositories.outbox.waiting import read_waiting
from src.repositories.postgres.engine import Database
from src.usecases.ports.messaging import OutboxBacklog, WaitingEvent

# By the due time: a retry is not late while it is postponed, and a dead letter is never due.
LONGEST_WAIT = select(func.now() - func.min(OutboxRow.available_at)).where(
    OutboxRow.available_at <= func.now()
)


@dataclass(frozen=True, kw_only=True)
class PostgresBacklog(OutboxBacklog):
    """The due messages of the outbox."""

    database: Database

    async def longest_wait(self) -> timedelta | None:
        rows = await self.database.fetch(LONGEST_WAIT)
        wait: timedelta | None = rows[0][0]
        return wait

    async def read(self, limit: int) -> list[WaitingEvent]:
        return await read_waiting(self.database, limit)
