"""Events as they are stored in the outbox, in the statement of the change that caused them."""

from dataclasses import fields
from typing import Any

import structlog
from sqlalchemy import Insert, Update, bindparam, func, insert, select
from sqlalchemy.dialects.postgresql import JSONB

from src.domain.aggregate import Aggregate
from src.domain.events import Event
from src.repositories.db.engine import Transaction
from src.repositories.db.models import OutboxRow

COMMON_FIELDS = frozenset(field.name for field in fields(Event))
COLUMNS = OutboxRow.__table__.c["event_id", "event_type", "envelope"]
STORE_EVENTS = (
    insert(OutboxRow)
    .from_select(
        COLUMNS.keys(),
        select(
            func.jsonb_to_recordset(bindparam("events", type_=JSONB))
            .table_valued(*COLUMNS)
            .render_derived(with_types=True)
        ),
    )
    .cte("stored_events")
)
"""Added to a statement, it stores what the parameter `events` lists, in that order."""


def to_envelope(event: Event, source: str) -> dict[str, Any]:
    """Return an event as CloudEvents 1.0 (cloudevents.io).

    `subject` is the aggregate's id and `aggregateversion` orders its events. `requestid` is the
    request that caused the event, as the logs of this moment know it.
    """
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
        "data": {
            field.name: getattr(event, field.name)
            for field in fields(event)
            if field.name not in COMMON_FIELDS
        },
    }


def to_row(event: Event, source: str) -> dict[str, Any]:
    """Return what the outbox keeps of an event."""
    return {
        "event_id": event.event_id,
        "event_type": event.name,
        "envelope": to_envelope(event, source),
    }


class OutboxWriter:
    """The writers' side of `outbox_messages`: a change and its events are one statement.

    That is a round trip less, and nobody can save the one without the other.
    """

    def __init__(self, transaction: Transaction, source: str) -> None:
        self._transaction = transaction
        self._source = source
        self.has_events = False

    async def save(
        self, change: Insert | Update, values: dict[str, Any], aggregate: Aggregate
    ) -> None:
        """Make a change of the aggregate, and store the events that it has recorded."""
        events = [to_row(event, self._source) for event in aggregate.events]
        if events:
            change, values = change.add_cte(STORE_EVENTS), {**values, "events": events}
        await self._transaction.execute(change, values)
        self.has_events |= bool(events)
        aggregate.events = []
