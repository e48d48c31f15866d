"""The events that wait in the outbox, for the operators."""

from sqlalchemy import bindparam, select, text

from src.repositories.outbox.tables import OutboxRow
from src.repositories.postgres.engine import Database
from src.usecases.ports.messaging import WaitingEvent

READ = (
    select(
        OutboxRow.event_id,
        OutboxRow.event_type,
        OutboxRow.attempts,
        OutboxRow.created_at.label("stored_at"),
        OutboxRow.available_at.label("due_at"),
        OutboxRow.last_error.label("error"),
    )
    .where(OutboxRow.available_at < text("'infinity'"))  # a dead letter is never due
    .order_by(OutboxRow.sequence)
    .limit(bindparam("limit"))
)


async def read_waiting(database: Database, limit: int) -> list[WaitingEvent]:
    """Return the oldest waiting events."""
    rows = await database.fetch(READ, {"limit": limit})
    return [WaitingEvent(**row._mapping) for row in rows]
