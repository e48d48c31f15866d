"""Rows of the outbox, written and read past the code under test."""

from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Row, insert, select, text

from src.repositories.outbox.tables import OutboxRow
from src.repositories.postgres.engine import Database
from tests.machinery.support.messages import EVENT_TYPE
from tests.support.waiting import eventually

INSERT = insert(OutboxRow)
ROWS = select(OutboxRow.__table__).order_by(OutboxRow.sequence)
MAKE_DUE = text("UPDATE outbox_messages SET available_at = now() RETURNING 1")


async def store(
    database: Database,
    events: int = 1,
    *,
    event_type: str = EVENT_TYPE,
    data: Any = None,
    request_id: str | None = None,
    **columns: Any,
) -> list[UUID]:
    """Store events in one transaction, without a NOTIFY, and return their ids."""
    event_ids = [uuid4() for _ in range(events)]
    values = []
    for event_id in event_ids:
        fields = {"id": str(event_id), "type": event_type, "requestid": request_id, "data": data}
        row = {"event_id": event_id, "event_type": event_type, "envelope": fields}
        values.append({**row, **columns})
    transaction = database.transaction()
    try:
        await transaction.execute_without_events(INSERT, values)
        await transaction.commit()
    finally:
        await transaction.aclose()
    return event_ids


async def rows(database: Database) -> list[Row[Any]]:
    """Return all rows of the outbox, oldest first."""
    return list(await database.fetch(ROWS))


async def make_due(database: Database) -> None:
    """End every delay."""
    await database.fetch(MAKE_DUE)


async def emptied(database: Database) -> None:
    """Return when the outbox is empty."""

    async def is_empty() -> bool:
        return not await rows(database)

    await eventually(is_empty)
