"""The unit of work on Postgres: one transaction, shared by a repository for each aggregate."""

from datetime import datetime
from typing import Self

from src.repositories.notifications import DBNotificationRepository
from src.repositories.outbox.inbox import DBInbox
from src.repositories.outbox.notify import OutboxNotifier
from src.repositories.outbox.writer import OutboxWriter
from src.repositories.postgres.engine import Database
from src.repositories.sessions import DBSessionRepository
from src.repositories.users import DBUserRepository
from src.usecases.ports.cache import ReadThroughCache
from src.usecases.ports.unit_of_work import UnitOfWork


class DBUnitOfWork(UnitOfWork):
    """A unit of work. `source` is the name of this service in its events.

    It takes no connection before a statement needs one, so a read from the cache takes none.
    """

    def __init__(
        self,
        *,
        database: Database,
        cache: ReadThroughCache,
        notifier: OutboxNotifier,
        source: str,
    ) -> None:
        self._cache = cache
        self._notifier = notifier
        transaction = database.transaction()
        outbox = OutboxWriter(transaction, source=source)
        self._transaction = transaction
        self._outbox = outbox
        self.inbox = DBInbox(transaction=transaction)
        self.notifications = DBNotificationRepository(transaction=transaction)
        self.sessions = DBSessionRepository(
            database=database, cache=cache, transaction=transaction, outbox=outbox
        )
        self.users = DBUserRepository(database=database, transaction=transaction, outbox=outbox)

    @property
    def now(self) -> datetime:
        return self._transaction.now

    async def __aenter__(self) -> Self:
        return self

    async def commit(self) -> None:
        """Commit, invalidate the changed cache keys around it, and notify the worker."""
        async with self._cache.invalidating(sorted(self._transaction.changed_keys)):
            await self._transaction.commit()
        self._transaction.changed_keys.clear()
        if self._outbox.has_events:
            self._notifier.notify()

    async def __aexit__(self, *_: object) -> None:
        await self._transaction.aclose()
