"""Messages in the queue, put there and looked at past everything that is tested."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Row, insert, select, text

from src.repositories.db.engine import Database
from src.repositories.db.models import OutboxRow
from src.repositories.db.queue import TAKE, TAKE_SUSPECTS
from tests.support.waiting import eventually

MAKE_DUE = text("UPDATE outbox_messages SET available_at = now() RETURNING 1")


async def put(database: Database, data: str = "", **envelope: Any) -> UUID:
    """Put a message into the queue, and return its event's id."""
    event_id = uuid4()
    row = {
        "event_id": event_id,
        "event_type": "user.registered.v1",
        "envelope": {"requestid": "the-request", "data": data, **envelope},
    }
    await database.fetch(insert(OutboxRow).returning(OutboxRow.sequence), row)
    return event_id


async def rows(database: Database) -> list[Row[Any]]:
    """Return what is in the queue, oldest first."""
    return [*await database.fetch(select(OutboxRow.__table__).order_by(OutboxRow.sequence))]


async def gone(database: Database) -> None:
    """Return when the queue is empty."""

    async def is_empty() -> bool:
        return not await rows(database)

    await eventually(is_empty)


async def take_and_die(database: Database, *, suspects: bool = False) -> list[Row[Any]]:
    """Take what is due as a worker does that is killed before its handlers return."""
    values = {"limit": 1 if suspects else 50, "lease": timedelta(0)}
    return [*await database.fetch(TAKE_SUSPECTS if suspects else TAKE, values)]
