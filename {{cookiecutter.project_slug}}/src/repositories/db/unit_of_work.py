"""One transaction: repositories that share it, and what happens when it commits."""

from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Self
from uuid import UUID

from sqlalchemy import bindparam, insert
from sqlalchemy.dialects import postgresql

from src.domain.notification import Notification
from src.repositories.db.engine import Database, Transaction
from src.repositories.db.events import OutboxWriter
from src.repositories.db.models import NotificationRow, ProcessedMessageRow
from src.repositories.db.notify import OutboxNotifier
from src.repositories.db.sessions import DBSessionRepository
from src.repositories.db.users import DBUserRepository
from src.usecases.ports.cache import ReadThroughCache
from src.usecases.ports.sessions import SessionRepository
from src.usecases.ports.unit_of_work import Inbox, NotificationRepository
from src.usecases.ports.users import UserRepository

INSERT_NOTIFICATION = insert(NotificationRow)
NOTIFICATION_COLUMNS = [field.name for field in fields(Notification)]
CLAIM_MESSAGE = (
    postgresql.insert(ProcessedMessageRow)
    .values(message_id=bindparam("message_id"))
    .on_conflict_do_nothing()
)


@dataclass(frozen=True)
class DBNotificationRepository:
    """The table `notifications`. Its port is `NotificationRepository`."""

    transaction: Transaction

    async def create_notification(self, notification: Notification) -> None:
        # Not `asdict`, which copies what is in the fields: a twentieth of what a message costs.
        await self.transaction.execute(
            INSERT_NOTIFICATION,
            {column: getattr(notification, column) for column in NOTIFICATION_COLUMNS},
        )


@dataclass(frozen=True)
class DBInbox:
    """The table `processed_messages`. Its port is `Inbox`.

    The insert waits for another transaction that is inserting the same message, so of two
    deliveries at once only one can claim it and commit.
    """

    transaction: Transaction

    async def claim(self, message_id: UUID) -> bool:
        result = await self.transaction.execute(CLAIM_MESSAGE, {"message_id": message_id})
        return result.rowcount == 1


class DBUnitOfWork:
    """A unit of work on Postgres. Its port is `UnitOfWork`.

    It takes no connection before a statement needs one, so what the cache answers costs none.
    """

    def __init__(
        self, database: Database, cache: ReadThroughCache, notifier: OutboxNotifier, source: str
    ) -> None:
        self.now = datetime.now(UTC)
        self._transaction = transaction = database.transaction()
        self._cache = cache
        self._notifier = notifier
        self._outbox = outbox = OutboxWriter(transaction, source)
        self.users: UserRepository = DBUserRepository(database, cache, transaction, outbox)
        self.sessions: SessionRepository = DBSessionRepository(database, cache, transaction, outbox)
        self.notifications: NotificationRepository = DBNotificationRepository(transaction)
        self.inbox: Inbox = DBInbox(transaction)

    async def __aenter__(self) -> Self:
        return self

    async def commit(self) -> None:
        """Close the stale keys, commit, open the keys, announce the events."""
        async with self._cache.writing(sorted(self._transaction.stale_keys)):
            await self._transaction.commit()
        self._transaction.stale_keys.clear()
        if self._outbox.has_events:
            self._notifier.announce()

    async def __aexit__(self, *_: object) -> None:
        await self._transaction.aclose()
