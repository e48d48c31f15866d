"""The outbox's writer: a change and its events are one statement."""

from functools import cache
from typing import Any

from sqlalchemy import Delete, Insert, Update, bindparam, func, insert, select
from sqlalchemy.dialects.postgresql import JSONB

from src.domain.aggregate import Aggregate
from src.repositories.outbox.envelope import to_envelope
from src.repositories.outbox.tables import OutboxRow
from src.repositories.postgres.transaction import Transaction

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
"""Added to a statement, it stores the events in the parameter `events`, in that order."""


Change = Insert | Update | Delete


@cache
def _with_events(change: Change) -> Change:
    """Return the change with `STORE_EVENTS`. Building it each time costs an eighth of a request."""
    return change.add_cte(STORE_EVENTS)


class OutboxWriter:
    """Saves aggregates together with the events that they recorded.

    One statement is one round trip less, and a change cannot be saved without its events. `source`
    is the name of this service.
    """

    def __init__(self, transaction: Transaction, *, source: str) -> None:
        self._transaction = transaction
        self._source = source
        self.has_events = False

    async def save(self, change: Change, values: dict[str, Any], aggregate: Aggregate) -> None:
        """Run a change of the aggregate, and store its events. `change` is a module constant."""
        if aggregate.events:
            change = _with_events(change)
            values = {**values, "events": self._rows(aggregate)}
            self.has_events = True
        await self._transaction.execute_without_events(change, values)
        aggregate.events = []

    def _rows(self, aggregate: Aggregate) -> list[dict[str, Any]]:
        return [
            {
                "event_id": recorded.id,
                "event_type": recorded.event.name,
                "envelope": to_envelope(recorded, self._transaction.now, self._source),
            }
            for recorded in aggregate.events
        ]
