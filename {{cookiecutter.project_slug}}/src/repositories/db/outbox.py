"""The outbox: events stored with the change that caused them, and taken by the relay."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

from sqlalchemy import bindparam, delete, func, insert, select, update

from src.domain.events import Event
from src.repositories.db.engine import Database, Transaction
from src.repositories.db.envelope import to_envelope
from src.repositories.db.models import OutboxRow
from src.usecases.ports.outbox import OutboxMessage

MAX_BACKOFF_SECONDS = 60

INSERT = insert(OutboxRow)
LOCK_DUE = (
    select(
        OutboxRow.sequence,
        OutboxRow.event_id,
        OutboxRow.event_type,
        OutboxRow.envelope,
        OutboxRow.attempts,
    )
    .where(OutboxRow.available_at <= func.now())
    .order_by(OutboxRow.sequence)
    .limit(bindparam("batch_size"))
    .with_for_update(skip_locked=True)
)
DELETE = delete(OutboxRow).where(OutboxRow.sequence == func.any(bindparam("sequences")))
BACK_OFF = (
    update(OutboxRow)
    .where(OutboxRow.sequence == bindparam("failed"))
    .values(
        attempts=OutboxRow.attempts + 1,
        last_error=bindparam("error"),
        available_at=func.now()
        + timedelta(seconds=1) * func.least(func.power(2, OutboxRow.attempts), MAX_BACKOFF_SECONDS),
    )
)


async def store_events(transaction: Transaction, events: Sequence[Event], source: str) -> None:
    """Insert the events in the order in which they happened."""
    await transaction.execute(
        INSERT,
        [
            {
                "event_id": event.event_id,
                "event_type": event.name,
                "envelope": to_envelope(event, source),
            }
            for event in events
        ],
    )


class DBOutboxBatch:
    """Rows locked by one relay's transaction."""

    def __init__(self, transaction: Transaction, messages: Sequence[OutboxMessage]) -> None:
        self._transaction = transaction
        self.messages = messages

    async def settle(self, failures: dict[int, str]) -> None:
        """Delete what was published; put off what failed (sequence → error), twice as long."""
        published = [m.sequence for m in self.messages if m.sequence not in failures]
        await self._transaction.execute(DELETE, {"sequences": published})
        if failures:
            await self._transaction.execute(
                BACK_OFF,
                [{"failed": sequence, "error": error} for sequence, error in failures.items()],
            )
        await self._transaction.commit()


class DBOutbox:
    """The relay's side of `outbox_messages`.

    Rows are taken by lock and not by "sequence greater than the last seen": sequences are given
    out at insert, but rows appear at commit, so that such a page would skip late ones for ever.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def lock_batch(self, limit: int) -> AsyncIterator[DBOutboxBatch]:
        """Lock the oldest due rows that no other relay has locked, until the batch is left."""
        transaction = self._database.transaction()
        try:
            rows = await transaction.execute(LOCK_DUE, {"batch_size": limit})
            yield DBOutboxBatch(transaction, [OutboxMessage(**row._mapping) for row in rows])
        finally:
            await transaction.aclose()
