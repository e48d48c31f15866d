"""The hint that wakes the worker: heard at once, lost without harm."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text

from src.config import Settings
from src.repositories.db import notify
from src.repositories.db.engine import Database
from src.repositories.db.notify import OutboxListener, OutboxNotifier
from src.usecases.ports.unit_of_work import UnitOfWorkFactory
from tests.support.network import Proxy, closed_port
from tests.support.users import new_user

LISTENERS = "FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"


@pytest.fixture
async def listener(database: Database) -> AsyncIterator[OutboxListener]:
    """A listener that listens already."""
    listener = OutboxListener(database)
    await listener.wait(0.01)
    yield listener
    await listener.aclose()


@asynccontextmanager
async def waiting(
    listener: OutboxListener, seconds: float = 5
) -> AsyncIterator[asyncio.Task[float]]:
    """Wait for a notification while the context is open; the task returns how long it took."""

    async def wait() -> float:
        started = time.monotonic()
        await listener.wait(seconds)
        return time.monotonic() - started

    task = asyncio.create_task(wait())
    await asyncio.sleep(0.05)
    yield task
    await task


async def test_every_commit_with_events_is_heard_within_a_second(
    listener: OutboxListener, unit_of_work: UnitOfWorkFactory
) -> None:
    for _ in range(3):
        async with waiting(listener) as heard, unit_of_work() as uow:
            await uow.users.create_user(new_user())
            await uow.commit()
        assert heard.result() < 1


async def test_a_unit_of_work_that_is_rolled_back_wakes_nobody(
    listener: OutboxListener, unit_of_work: UnitOfWorkFactory
) -> None:
    async with waiting(listener, seconds=0.3) as heard, unit_of_work() as uow:
        await uow.users.create_user(new_user())
    assert heard.result() >= 0.3


async def test_a_notification_that_came_before_the_wait_is_not_forgotten(
    listener: OutboxListener, unit_of_work: UnitOfWorkFactory
) -> None:
    async with unit_of_work() as uow:
        await uow.users.create_user(new_user())
        await uow.commit()
    await asyncio.sleep(0.2)
    async with waiting(listener) as heard:
        pass
    assert heard.result() < 1


async def test_a_listener_whose_connection_was_lost_listens_again(
    listener: OutboxListener, database: Database, unit_of_work: UnitOfWorkFactory
) -> None:
    ended = await database.fetch(text(f"SELECT pg_terminate_backend(pid) {LISTENERS}"))
    assert len(ended) == 1
    await listener.wait(0.2)
    await listener.wait(0.01)
    async with waiting(listener) as heard, unit_of_work() as uow:
        await uow.users.create_user(new_user())
        await uow.commit()
    assert heard.result() < 1


async def test_without_a_database_the_listener_still_waits_no_longer_than_asked(
    settings: Settings,
) -> None:
    url = settings.postgres.url.set(host="127.0.0.1", port=closed_port())
    listener = OutboxListener(Database(url, pool_size=1, application_name="test"))
    async with waiting(listener, seconds=0.2) as heard:
        pass
    assert 0.2 <= heard.result() < 1


async def test_a_notification_that_could_not_be_sent_does_not_stop_the_next(
    listener: OutboxListener, settings: Settings
) -> None:
    async with Proxy(settings.postgres.host, settings.postgres.port).running() as proxy:
        url = settings.postgres.url.set(host="127.0.0.1", port=proxy.port)
        database = Database(url, pool_size=1, application_name="test")
        notifier = OutboxNotifier(database)
        proxy.refuse()
        async with waiting(listener, seconds=0.3) as heard:
            notifier.announce()
        assert heard.result() >= 0.3
        proxy.accept()
        async with waiting(listener) as heard:
            notifier.announce()
        assert heard.result() < 1
        await notifier.aclose()
        await database.aclose()


async def test_a_server_that_falls_silent_before_it_listens_costs_a_bounded_wait_and_is_left(
    settings: Settings, unit_of_work: UnitOfWorkFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notify, "CONNECT_TIMEOUT_SECONDS", 0.5)
    async with Proxy(settings.postgres.host, settings.postgres.port).running() as proxy:
        url = settings.postgres.url.set(host="127.0.0.1", port=proxy.port)
        listener = OutboxListener(Database(url, pool_size=1, application_name="test"))
        with monkeypatch.context() as silent:
            listen = asyncpg.Connection.add_listener

            async def fall_silent(connection: asyncpg.Connection, *words: Any) -> None:
                proxy.hang()
                await listen(connection, *words)

            silent.setattr(asyncpg.Connection, "add_listener", fall_silent)
            async with asyncio.timeout(5):
                await listener.wait(0.1)
        proxy.flow()
        await listener.wait(0.01)
        async with waiting(listener) as heard, unit_of_work() as uow:
            await uow.users.create_user(new_user())
            await uow.commit()
        assert heard.result() < 1
        await listener.aclose()
