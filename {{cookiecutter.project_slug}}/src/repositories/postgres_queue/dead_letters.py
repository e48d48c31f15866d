"""The dead letters in Postgres: list and redrive them."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import bindparam, func, select, update

from src.repositories.outbox.tables import OutboxRow
from src.repositories.postgres.engine import Database
from src.repositories.postgres_queue.statements import NEVER
from src.usecases.ports.messaging import DeadLetter, DeadLetters

IS_DEAD = OutboxRow.available_at == NEVER
READ = select(OutboxRow.__table__).where(IS_DEAD).order_by(OutboxRow.sequence)
REDRIVE = (
    update(OutboxRow)
    .where(IS_DEAD)
    .values(attempts=0, waits=0, last_error=None, available_at=func.now())
    .returning(OutboxRow.sequence)
)
REDRIVE_ONE = REDRIVE.where(OutboxRow.event_id == bindparam("event"))


@dataclass(frozen=True, kw_only=True)
class PostgresDeadLetters(DeadLetters):
    """The rows of the outbox that are never due."""

    database: Database

    async def read(self) -> list[DeadLetter]:
        letters = []
        for row in await self.database.fetch(READ):
            reason, _, error = row.last_error.partition(": ")
            letter = DeadLetter(
                event_id=str(row.event_id),
                event_type=row.event_type,
                reason=reason,
                error=error,
                attempts=row.attempts,
                first_seen=row.created_at.isoformat(),
            )
            letters.append(letter)
        return letters

    async def redrive(self, event_id: str | None) -> int:
        if event_id is None:
            return len(await self.database.fetch(REDRIVE))
        try:
            event = UUID(event_id)
        except ValueError:
            return 0
        return len(await self.database.fetch(REDRIVE_ONE, {"event": event}))
