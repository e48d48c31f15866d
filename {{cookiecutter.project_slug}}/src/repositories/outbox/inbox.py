"""The inbox: the messages with a committed effect."""

from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from sqlalchemy import bindparam, delete, func, select
from sqlalchemy.dialects import postgresql

from src.repositories.outbox.tables import ProcessedMessageRow
from src.repositories.postgres.engine import Database
from src.repositories.postgres.transaction import Transaction
from src.usecases.ports.messaging import Inbox
from src.usecases.ports.purge import PurgeStep

RETENTION = timedelta(days=7)
"""A message that is redelivered later has its effect again. No retry waits that long, but a dead
letter may."""
CLAIM = (
    postgresql.insert(ProcessedMessageRow)
    .values(message_id=bindparam("message_id"))
    .on_conflict_do_nothing()
)
# A limited number at a time, so that a backlog does not run into the statement timeout.
EXPIRED = (
    select(ProcessedMessageRow.message_id)
    .where(ProcessedMessageRow.processed_at < func.now() - RETENTION)
    .limit(10_000)
)
PURGE = (
    delete(ProcessedMessageRow)
    .where(ProcessedMessageRow.message_id.in_(EXPIRED))
    .returning(ProcessedMessageRow.message_id)
)


@dataclass(frozen=True, kw_only=True)
class DBInbox(Inbox):
    """The table `processed_messages`.

    The insert waits for another transaction that inserts the same message, so of two concurrent
    deliveries only one can claim it and commit.
    """

    transaction: Transaction

    async def claim(self, message_id: UUID) -> bool:
        parameters = {"message_id": message_id}
        result = await self.transaction.execute_without_events(CLAIM, parameters)
        return result.rowcount == 1


@dataclass(frozen=True, kw_only=True)
class PurgeInbox(PurgeStep):
    """Deletes messages that were handled more than a week ago."""

    database: Database
    name: str = field(default="processed_messages", init=False)

    async def purge(self) -> int:
        return len(await self.database.fetch(PURGE))
