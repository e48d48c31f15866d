"""A commit that comes too late for its writer's mark in the cache is no commit."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial

import pytest

from src.config import Settings
from src.domain.user import User
from src.repositories.cache.writers import MARK_SECONDS
from src.repositories.db import engine
from src.repositories.db.engine import Database
from src.repositories.db.notify import OutboxNotifier
from src.repositories.db.unit_of_work import DBUnitOfWork
from src.usecases.ports.unit_of_work import DatabaseUnavailableError
from tests.fakes.cache import InMemoryCache
from tests.support.network import Proxy

Happens = Callable[[], Awaitable[object]]


class StallingCache(InMemoryCache):
    """Stands for something that happens just before the COMMIT."""

    def __init__(self, happens: Happens) -> None:
        super().__init__()
        self.happens = happens

    @asynccontextmanager
    async def writing(self, keys: Sequence[str]) -> AsyncIterator[None]:
        async with super().writing(keys):
            await self.happens()
            yield


@pytest.fixture
async def proxy(settings: Settings) -> AsyncIterator[Proxy]:
    """A way to Postgres that can be broken."""
    async with Proxy(settings.postgres.host, settings.postgres.port).running() as proxy:
        yield proxy


@pytest.fixture
async def database(
    settings: Settings, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Database]:
    """A pool whose server ends a transaction that says nothing for a second."""
    monkeypatch.setattr(engine, "IDLE_IN_TRANSACTION_SECONDS", 1)
    url = settings.postgres.url.set(host="127.0.0.1", port=proxy.port)
    database = Database(url, pool_size=2, application_name=settings.app.name)
    yield database
    await database.aclose()


def test_a_mark_outlasts_every_commit_with_time_to_spare() -> None:
    sent_within, given_up_within = (
        engine.IDLE_IN_TRANSACTION_SECONDS,
        engine.STATEMENT_TIMEOUT_SECONDS * 2,  # asyncpg then cancels it
    )
    assert 1.5 * (sent_within + given_up_within) <= MARK_SECONDS


async def change_password(
    database: Database, user: User, password_hash: str, happens: Happens
) -> None:
    """Write a user; something happens after the last statement."""
    parts = (database, StallingCache(happens), OutboxNotifier(database), "test")
    async with DBUnitOfWork(*parts) as uow:
        loaded = await uow.users.load_user_for_update(user.id)
        loaded.change_password(password_hash, datetime.now(UTC))
        await uow.users.update_user_password(loaded)
        await uow.commit()


async def saved_hash(database: Database, user: User) -> str:
    """Return what is committed."""
    async with DBUnitOfWork(database, InMemoryCache(), OutboxNotifier(database), "test") as uow:
        saved = await uow.users.load_user_by_email(user.email)
    assert saved is not None
    return saved.password_hash


async def test_a_transaction_held_up_before_its_commit_is_aborted_by_the_server(
    database: Database, user: User
) -> None:
    await change_password(database, user, "in time", partial(asyncio.sleep, 0.1))
    with pytest.raises(DatabaseUnavailableError):
        await change_password(database, user, "too late", partial(asyncio.sleep, 1.5))
    assert await saved_hash(database, user) == "in time"


async def test_a_commit_that_the_network_held_up_does_nothing_when_it_arrives(
    database: Database, proxy: Proxy, user: User
) -> None:
    async def hang_for_a_while() -> None:
        proxy.hang()
        asyncio.get_running_loop().call_later(1.5, proxy.accept)

    await change_password(database, user, "in time", partial(asyncio.sleep, 0))
    with pytest.raises(DatabaseUnavailableError):
        await change_password(database, user, "too late", hang_for_a_while)
    assert await saved_hash(database, user) == "in time"
