"""The events that no consumer has taken although they are due."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from src.repositories.outbox.tables import OutboxRow
from src.repositories.outbox.waiting import read_waiting
from src.repositories.postgres.engine import Database
from src.usecases.ports.messaging import OutboxBacklog, WaitingEvent

# By the due time: a retry is not late while it is postponed, and a dead letter is never due.
OLDEST = select(func.min(OutboxRow.available_at)).where(OutboxRow.available_at <= func.now())


@dataclass(frozen=True, kw_only=True)
class PostgresBacklog(OutboxBacklog):
    """The due messages of the outbox."""

    database: Database

    async def oldest_waiting(self) -> datetime | None:
        rows = await self.database.fetch(OLDEST)
        oldest: datetime | None = rows[0][0]
        return oldest

    async def read(self, limit: int) -> list[WaitingEvent]:
        return await read_waiting(self.database, limit)
