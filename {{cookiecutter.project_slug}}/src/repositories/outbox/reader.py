"""The outbox's reader: it gives due events to the relay, and deletes the published ones."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Row, Text, any_, bindparam, cast, delete, func, select, update

from src.repositories.outbox.tables import OutboxRow
from src.repositories.outbox.waiting import read_waiting
from src.repositories.postgres.engine import Database
from src.repositories.postgres.transaction import Transaction
from src.usecases.ports.messaging import OutboxBacklog, WaitingEvent, format_error

MAX_BACKOFF_SECONDS = 60

LOCK_DUE = (
    select(
        OutboxRow.sequence,
        OutboxRow.event_id,
        OutboxRow.event_type,
        cast(OutboxRow.envelope, Text).label("body"),
        OutboxRow.envelope["requestid"].astext.label("request_id"),
        OutboxRow.attempts,
    )
    .where(OutboxRow.available_at <= func.now())
    .order_by(OutboxRow.sequence)
    .limit(bindparam("batch_size"))
    .with_for_update(skip_locked=True)
)
DELETE = delete(OutboxRow).where(OutboxRow.sequence == any_(bindparam("sequences")))
BACKOFF = func.least(func.power(2, func.least(OutboxRow.attempts, 6)), MAX_BACKOFF_SECONDS)
POSTPONE = (
    update(OutboxRow)
    .where(OutboxRow.sequence == bindparam("failed"))
    .values(
        attempts=OutboxRow.attempts + 1,
        last_error=bindparam("error"),
        available_at=func.now() + timedelta(seconds=1) * BACKOFF,
    )
)
# By the primary key, which is fast even when a million events wait.
LONGEST_WAIT = (
    select((func.now() - OutboxRow.created_at).label("wait")).order_by(OutboxRow.sequence).limit(1)
)


@dataclass(frozen=True, kw_only=True)
class OutboxReader(OutboxBacklog):
    """The events that wait for publication. Any number of relays may read them concurrently.

    It locks due rows and never pages by "sequence greater than the last one seen". A sequence is
    assigned at insert but a row appears at commit, so paging would skip rows that commit late.
    """

    database: Database

    async def relay(
        self, limit: int, publish: Callable[[Row[Any]], Awaitable[None]]
    ) -> list[BaseException | None]:
        """Publish the oldest due events concurrently, and return the error of each, or None.

        When `publish` returns, the event is deleted. When it raises, the event stays with the error
        until a later attempt.
        """
        transaction = self.database.transaction()
        try:
            rows = await transaction.fetch(LOCK_DUE, {"batch_size": limit})
            errors = await asyncio.gather(*map(publish, rows), return_exceptions=True)
            await _store_outcomes(transaction, rows, errors)
            await transaction.commit()
        finally:
            await transaction.aclose()
        return errors

    async def longest_wait(self) -> timedelta | None:
        rows = await self.database.fetch(LONGEST_WAIT)
        return rows[0].wait if rows else None

    async def read(self, limit: int) -> list[WaitingEvent]:
        return await read_waiting(self.database, limit)


async def _store_outcomes(
    transaction: Transaction, rows: Sequence[Row[Any]], errors: Sequence[BaseException | None]
) -> None:
    published = []
    failed = []
    for row, error in zip(rows, errors, strict=True):
        if error is None:
            published.append(row.sequence)
        else:
            failed.append({"failed": row.sequence, "error": format_error(error)})
    if published:
        await transaction.execute_without_events(DELETE, {"sequences": published})
    if failed:
        await transaction.execute_without_events(POSTPONE, failed)
