"""The outbox: events that are stored until a relay has published them."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import any_, bindparam, delete, func, select, update

from src.repositories.db.engine import Database, Transaction
from src.repositories.db.models import OutboxRow
from src.usecases.ports.messaging import error_text
from src.usecases.ports.publishing import OutboxMessage

MAX_BACKOFF_SECONDS = 60

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
    """The relay's side of `outbox_messages`. Its port is `Outbox`.

    Rows are taken by lock and not by "sequence greater than the last seen": sequences are given out
    at insert but rows appear at commit, so such a page would skip late ones for ever.
    """

    database: Database

    async def relay(self, limit: int, publish: Callable[[OutboxMessage], Awaitable[None]]) -> int:
        transaction = self.database.transaction()
        try:
            rows = await transaction.execute(LOCK_DUE, {"batch_size": limit})
            messages = [OutboxMessage(**row._mapping) for row in rows]
            if messages:
                await self._publish_locked(transaction, messages, publish)
        finally:
            await transaction.aclose()
        return len(messages)

    async def _publish_locked(
        self,
        transaction: Transaction,
        messages: Sequence[OutboxMessage],
        publish: Callable[[OutboxMessage], Awaitable[None]],
    ) -> None:
        outcomes = await asyncio.gather(*map(publish, messages), return_exceptions=True)
        published, failed = [], []
        for message, outcome in zip(messages, outcomes, strict=True):
            if outcome is None:
                published.append(message.sequence)
            elif isinstance(outcome, Exception):
                failed.append({"failed": message.sequence, "error": error_text(outcome)})
            else:
                raise outcome  # cancelled: the rows stay as they are
        if published:
            await transaction.execute(DELETE, {"sequences": published})
        if failed:
            await transaction.execute(PUT_OFF, failed)
        await transaction.commit()
