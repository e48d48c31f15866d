"""The dead letters in Postgres: list and redrive them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Executable, Row, any_, bindparam, delete, func, select, update

from src.repositories.outbox.tables import OutboxRow
from src.repositories.postgres.engine import Database
from src.repositories.postgres_queue.statements import NEVER
from src.usecases.ports.messaging import DeadLetter, DeadLetters

IS_DEAD = OutboxRow.available_at == NEVER
READ = select(OutboxRow.__table__).where(IS_DEAD).order_by(OutboxRow.sequence)
CHOSEN = OutboxRow.sequence == any_(bindparam("sequences"))
REDRIVE = (
    update(OutboxRow)
    .where(IS_DEAD, CHOSEN)
    .values(attempts=0, waits=0, last_error=None, available_at=func.now())
    .returning(OutboxRow.sequence)
)
DISCARD = delete(OutboxRow).where(IS_DEAD, CHOSEN).returning(OutboxRow.sequence)


@dataclass(frozen=True, kw_only=True)
class PostgresDeadLetters(DeadLetters):
    """The rows of the outbox that are never due."""

    database: Database

    async def read(self) -> list[DeadLetter]:
        return [_describe(row) for row in await self.database.fetch(READ)]

    async def redrive(self, is_chosen: Callable[[DeadLetter], bool]) -> int:
        return await self._change(REDRIVE, is_chosen)

    async def discard(self, is_chosen: Callable[[DeadLetter], bool]) -> int:
        return await self._change(DISCARD, is_chosen)

    async def _change(self, statement: Executable, is_chosen: Callable[[DeadLetter], bool]) -> int:
        rows = await self.database.fetch(READ)
        sequences = [row.sequence for row in rows if is_chosen(_describe(row))]
        return len(await self.database.fetch(statement, {"sequences": sequences}))


def _describe(row: Row[Any]) -> DeadLetter:
    reason, _, error = row.last_error.partition(": ")
    return DeadLetter(
        event_id=str(row.event_id),
        event_type=row.event_type,
        reason=reason,
        error=error,
        attempts=row.attempts,
        first_seen=row.created_at.isoformat(),
    )
