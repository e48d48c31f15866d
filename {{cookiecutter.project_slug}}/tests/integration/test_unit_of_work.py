"""The commit on Postgres: the cache around it, and the notification after it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import select

from src.config import PostgresSettings
from src.domain.session import Session
from src.domain.user import User
from src.repositories.outbox.notify import OutboxNotifier
from src.repositories.postgres.engine import Database
from src.repositories.sessions import session_key
from src.repositories.unit_of_work import DBUnitOfWork
from src.repositories.users import UserRow, user_key
from src.usecases.errors import DatabaseUnavailableError
from src.utils.settings import Settings
from tests.fakes.cache import InMemoryCache
from tests.support.network import closed_port
from tests.support.users import new_session, new_user


class RecordingCache(InMemoryCache):
    """Records the invalidated keys, and the committed version of a user around each commit."""

    def __init__(self, database: Database, user: User) -> None:
        super().__init__()
        self.keys: list[list[str]] = []
        self.versions: list[tuple[int, int]] = []
        self._database = database
        self._user = user

    async def _version(self) -> int:
        query = select(UserRow.version).where(UserRow.id == self._user.id)
        [[version]] = await self._database.fetch(query)
        return int(version)

    @asynccontextmanager
    async def invalidating(self, keys: Sequence[str]) -> AsyncIterator[None]:
        self.keys.append([*keys])
        before = await self._version()
        async with super().invalidating(keys):
            yield
            self.versions.append((before, await self._version()))


class CountingNotifier(OutboxNotifier):
    """Counts the notifications, and sends none."""

    notified = 0

    def notify(self) -> None:
        self.notified += 1


@pytest.fixture
def cache(database: Database, user: User) -> RecordingCache:
    return RecordingCache(database, user)


@pytest.fixture
def notifier(database: Database) -> CountingNotifier:
    return CountingNotifier(database)


@pytest.fixture
def uow(database: Database, cache: RecordingCache, notifier: CountingNotifier) -> DBUnitOfWork:
    return DBUnitOfWork(database=database, cache=cache, notifier=notifier, source="test")


async def test_the_commit_happens_while_the_changed_keys_are_invalidated(
    uow: DBUnitOfWork, cache: RecordingCache, user: User, session: Session
) -> None:
    async with uow:
        loaded = await uow.users.load_user_for_update(user.id)
        loaded.change_password("another-hash", uow.now)
        await uow.users.update_user_password(loaded)
        await uow.sessions.revoke_sessions(user.id, uow.now)
        await uow.commit()
        await uow.commit()  # without changes

    assert cache.keys == [sorted([session_key(session.id), user_key(user.id)]), []]
    assert cache.versions[0] == (1, 2)


async def test_new_rows_and_rotated_sessions_invalidate_no_keys(
    uow: DBUnitOfWork, cache: RecordingCache, user: User, session: Session
) -> None:
    async with uow:
        await uow.users.create_user(new_user())
        await uow.sessions.create_session(new_session(user.id))
        session.generation += 1
        await uow.sessions.update_session(session)
        await uow.commit()

    assert cache.keys == [[]]


async def test_a_commit_with_events_notifies_the_worker_after_the_events_are_visible(
    uow: DBUnitOfWork, notifier: CountingNotifier
) -> None:
    async with uow:
        await uow.users.create_user(new_user())
        assert notifier.notified == 0
        await uow.commit()

    assert notifier.notified == 1


async def test_a_commit_without_events_does_not_notify_the_worker(
    uow: DBUnitOfWork, notifier: CountingNotifier, user: User
) -> None:
    async with uow:
        await uow.sessions.create_session(new_session(user.id))
        await uow.commit()

    assert notifier.notified == 0


async def test_a_rolled_back_change_invalidates_no_keys_and_does_not_notify_the_worker(
    uow: DBUnitOfWork, cache: RecordingCache, notifier: CountingNotifier, user: User
) -> None:
    async with uow:
        loaded = await uow.users.load_user_for_update(user.id)
        loaded.change_password("another-hash", uow.now)
        await uow.users.update_user_password(loaded)

    assert cache.keys == []
    assert notifier.notified == 0


async def test_a_read_that_the_cache_answers_takes_no_connection(
    settings: Settings, database: Database, user: User, session: Session
) -> None:
    unreachable = Database(
        url=settings[PostgresSettings].url.set(port=closed_port()),
        pool_size=1,
        application_name="test",
    )
    cache = InMemoryCache()

    def on(database: Database) -> DBUnitOfWork:
        notifier = CountingNotifier(database)
        return DBUnitOfWork(database=database, cache=cache, notifier=notifier, source="test")

    async with on(database) as uow:
        loaded = await uow.sessions.get_session_access(session.id, user.id)
    async with on(unreachable) as uow:
        assert await uow.sessions.get_session_access(session.id, user.id) == loaded
        await uow.commit()
    async with on(unreachable) as uow:
        with pytest.raises(DatabaseUnavailableError):
            await uow.users.load_user_for_update(user.id)
