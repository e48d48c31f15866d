"""The outbox: events that are stored until a relay has published them."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Row, Text, any_, bindparam, cast, delete, func, select, update

from src.repositories.db.engine import Database
from src.repositories.db.models import OutboxRow
from src.usecases.ports.messaging import error_text

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
PUT_OFF = (
    update(OutboxRow)
    .where(OutboxRow.sequence == bindparam("failed"))
    .values(
        attempts=OutboxRow.attempts + 1,
        last_error=bindparam("error"),
        available_at=func.now() + timedelta(seconds=1) * BACKOFF,
    )
)


@dataclass(frozen=True)
class DBOutbox:
    """The relay's side of `outbox_messages`. Any number of relays may take from it at once.

    Rows are taken by lock and not by "sequence greater than the last seen": sequences are given out
    at insert but rows appear at commit, so such a page would skip late ones for ever.
    """

    database: Database

    async def relay(
        self, limit: int, publish: Callable[[Row[Any]], Awaitable[None]]
    ) -> list[BaseException | None]:
        """Publish the oldest due events, all at once, and return what went wrong with each.

        An event leaves the outbox when `publish` has returned. When that raises, the event stays,
        with the error, for a later attempt.
        """
        transaction = self.database.transaction()
        try:
            rows = (await transaction.execute(LOCK_DUE, {"batch_size": limit})).all()
            errors = await asyncio.gather(*map(publish, rows), return_exceptions=True)
            published, failed = [], []
            for row, error in zip(rows, errors, strict=True):
                if error is None:
                    published.append(row.sequence)
                else:
                    failed.append({"failed": row.sequence, "error": error_text(error)})
            if published:
                await transaction.execute(DELETE, {"sequences": published})
            if failed:
                await transaction.execute(PUT_OFF, failed)
            await transaction.commit()
        finally:
            await transaction.aclose()
        return errors
