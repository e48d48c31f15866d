"""One transaction: repositories that share a connection, and what happens when it commits."""

from types import TracebackType
from typing import Self

from src.repositories.db.changes import Changes
from src.repositories.db.engine import Database
from src.repositories.db.inbox import DBInbox
from src.repositories.db.notifications import DBNotificationRepository
from src.repositories.db.notify import OutboxNotifier
from src.repositories.db.outbox import store_events
from src.repositories.db.sessions import DBSessionRepository
from src.repositories.db.users import DBUserRepository
from src.usecases.ports.cache import ReadThroughCache


class DBUnitOfWork:
    """A unit of work on Postgres. Takes no connection before the first statement needs one."""

    def __init__(
        self,
        database: Database,
        cache: ReadThroughCache,
        event_source: str,
        notifier: OutboxNotifier,
    ) -> None:
        self._database = database
        self._cache = cache
        self._event_source = event_source
        self._notifier = notifier
        self._changes = Changes(transaction=database.transaction())

    @property
    def users(self) -> DBUserRepository:
        """The users."""
        return DBUserRepository(self._database, self._cache, self._changes)

    @property
    def sessions(self) -> DBSessionRepository:
        """The sessions."""
        return DBSessionRepository(self._database, self._cache, self._changes)

    @property
    def notifications(self) -> DBNotificationRepository:
        """The notifications."""
        return DBNotificationRepository(self._changes.transaction)

    @property
    def inbox(self) -> DBInbox:
        """The messages that were handled."""
        return DBInbox(self._changes.transaction)

    async def __aenter__(self) -> Self:
        """Begin."""
        return self

    async def commit(self) -> None:
        """Store the events, close the stale keys, commit, open the keys, announce the events."""
        changes = self._changes
        events = [event for aggregate in changes.aggregates for event in aggregate.pull_events()]
        if events:
            await store_events(changes.transaction, events, self._event_source)
        async with self._cache.writing(sorted(changes.stale_keys)):
            await changes.transaction.commit()
        if events:
            self._notifier.announce()

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Roll back whatever was not committed."""
        await self._changes.transaction.aclose()


class DBUnitOfWorkFactory:
    """Opens units of work on one database and one cache."""

    def __init__(
        self,
        database: Database,
        cache: ReadThroughCache,
        event_source: str,
        notifier: OutboxNotifier,
    ) -> None:
        self._database = database
        self._cache = cache
        self._event_source = event_source
        self._notifier = notifier

    def __call__(self) -> DBUnitOfWork:
        """Return a new unit of work."""
        return DBUnitOfWork(self._database, self._cache, self._event_source, self._notifier)
