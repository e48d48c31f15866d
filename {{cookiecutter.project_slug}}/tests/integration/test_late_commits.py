"""A commit that comes too late for its writer's mark in the cache is no commit."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from src.config import Settings
from src.domain.user import User
from src.repositories.cache.writers import MARK_MS
from src.repositories.db import engine
from src.repositories.db.engine import Database
from src.repositories.db.notify import OutboxNotifier
from src.repositories.db.unit_of_work import DBUnitOfWork
from src.usecases.ports.unit_of_work import DatabaseUnavailableError
from tests.fakes.cache import InMemoryCache


class StallingCache(InMemoryCache):
    """Stands for a process that is held up just before its COMMIT."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds

    @asynccontextmanager
    async def writing(self, keys: Sequence[str]) -> AsyncIterator[None]:
        async with super().writing(keys):
            await asyncio.sleep(self.seconds)
            yield


def test_a_mark_outlasts_every_commit_with_time_to_spare() -> None:
    begun_within, done_within = engine.IDLE_IN_TRANSACTION_SECONDS, engine.STATEMENT_TIMEOUT_SECONDS
    assert 2 * (begun_within + done_within) * 1000 <= MARK_MS


async def test_a_transaction_held_up_before_its_commit_is_aborted_by_the_server(
    settings: Settings, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "IDLE_IN_TRANSACTION_SECONDS", 1)
    database = Database(settings.postgres.url, pool_size=2, application_name=settings.app.name)

    async def change_password(seconds: float) -> None:
        parts = (database, StallingCache(seconds), OutboxNotifier(database), "test")
        async with DBUnitOfWork(*parts) as uow:
            loaded = await uow.users.load_user_for_update(user.id)
            loaded.change_password(f"hash after {seconds} seconds", datetime.now(UTC))
            await uow.users.update_user_password(loaded)
            await uow.commit()

    try:
        await change_password(0.1)
        with pytest.raises(DatabaseUnavailableError):
            await change_password(1.5)
        async with DBUnitOfWork(database, InMemoryCache(), OutboxNotifier(database), "test") as uow:
            saved = await uow.users.load_user_by_email(user.email)
    finally:
        await database.aclose()
    assert saved is not None
    assert saved.password_hash == "hash after 0.1 seconds"
