"""Events as they are stored in the outbox, in the transaction of the change that caused them."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import structlog
from sqlalchemy import insert

from src.domain.events import Event
from src.repositories.db.engine import Transaction
from src.repositories.db.models import OutboxRow

COMMON_FIELDS = frozenset(field.name for field in fields(Event))
INSERT = insert(OutboxRow).inline()


def to_envelope(event: Event, source: str) -> dict[str, Any]:
    """Return an event as CloudEvents 1.0 (cloudevents.io).

    `subject` is the aggregate's id and `aggregateversion` orders its events. `requestid` is the
    request that caused the event, as the logs of this moment know it.
    """
    own = [field.name for field in fields(event) if field.name not in COMMON_FIELDS]
    return {
        "specversion": "1.0",
        "id": event.event_id,
        "source": source,
        "type": event.name,
        "subject": event.aggregate_id,
        "time": event.occurred_at,
        "datacontenttype": "application/json",
        "aggregateversion": event.aggregate_version,
        "requestid": structlog.contextvars.get_contextvars().get("request_id"),
        "data": {name: getattr(event, name) for name in own},
    }


async def store_events(transaction: Transaction, events: Sequence[Event], source: str) -> None:
    """Insert the events in the order in which they happened."""
    rows = [
        {
            "event_id": event.event_id,
            "event_type": event.name,
            "envelope": to_envelope(event, source),
        }
        for event in events
    ]
    # A list of one would take the slower way of many.
    await transaction.execute(INSERT, rows if len(rows) > 1 else rows[0])
