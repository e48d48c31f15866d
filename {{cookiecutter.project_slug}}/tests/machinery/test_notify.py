"""The hint that wakes the worker: it arrives at once, and a lost one does no harm.

A test waits for a notification with a long limit. The limit does not decide the verdict: a
notification that does not come is a failure of the test, however slow the machine is.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from sqlalchemy import URL, text
from structlog.testing import capture_logs

from src.config import PostgresSettings
from src.repositories.outbox import notify
from src.repositories.outbox.notify import OutboxListener, OutboxNotifier
from src.repositories.postgres.engine import Database
from src.usecases.errors import REFUSED_SECONDS
from src.utils.settings import Settings
from tests.machinery.conftest import SampleUnitOfWorkFactory
from tests.machinery.sample import Sample
from tests.support.network import Proxy, closed_port
from tests.support.waiting import eventually

LIMIT_SECONDS = 60.0
LISTENERS = "FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"


@pytest.fixture
async def listener(database: Database) -> AsyncIterator[OutboxListener]:
    """A listener that is connected."""
    listener = OutboxListener(database)
    await listener.wait(0.01)
    yield listener
    await listener.aclose()


async def create_sample(unit_of_work: SampleUnitOfWorkFactory) -> None:
    """Commit a change with an event."""
    async with unit_of_work() as uow:
        await uow.samples.create(Sample.create("first"))
        await uow.commit()


async def is_notified(listener: OutboxListener) -> bool:
    """Wait for a notification, and tell whether one came before the limit."""
    try:
        async with asyncio.timeout(LIMIT_SECONDS):
            await listener.wait(2 * LIMIT_SECONDS)
    except TimeoutError:
        return False
    return True


async def test_every_commit_with_events_notifies_the_listener(
    listener: OutboxListener, sample_unit_of_work: SampleUnitOfWorkFactory
) -> None:
    for _ in range(3):
        await create_sample(sample_unit_of_work)
        assert await is_notified(listener)


async def test_a_rollback_sends_no_notification(
    sample_unit_of_work: SampleUnitOfWorkFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[None] = []
    monkeypatch.setattr(OutboxNotifier, "notify", lambda _: sent.append(None))
    async with sample_unit_of_work() as uow:
        await uow.samples.create(Sample.create("first"))
    assert sent == []


async def test_a_listener_whose_connection_was_lost_listens_again(
    listener: OutboxListener,
    database: Database,
    sample_unit_of_work: SampleUnitOfWorkFactory,
) -> None:
    ended = await database.fetch(text(f"SELECT pg_terminate_backend(pid) {LISTENERS}"))
    assert len(ended) == 1
    connection = listener._connection
    assert connection is not None

    async def is_closed() -> bool:
        return connection.is_closed()

    await eventually(is_closed)
    await listener.wait(0.01)
    await create_sample(sample_unit_of_work)
    assert await is_notified(listener)


async def test_a_listener_whose_connection_is_silent_listens_again(
    settings: Settings,
    sample_unit_of_work: SampleUnitOfWorkFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    postgres = settings[PostgresSettings]
    async with Proxy(postgres.host, postgres.port).running() as proxy:
        url = postgres.url.set(host="127.0.0.1", port=proxy.port)
        listener = OutboxListener(Database(url=url, pool_size=1, application_name="test"))
        await listener.wait(0.01)
        proxy.mute()
        monkeypatch.setattr(notify, "IDLE_SECONDS", 0)
        await listener.wait(0.01)  # the ping gets no answer
        await listener.wait(0.01)  # it listens on a new connection
        monkeypatch.setattr(notify, "IDLE_SECONDS", 3600)
        await create_sample(sample_unit_of_work)
        assert await is_notified(listener)
        await listener.aclose()


async def test_a_listener_pings_its_connection_after_five_seconds(
    listener: OutboxListener, monkeypatch: pytest.MonkeyPatch
) -> None:
    pings: list[str] = []

    async def execute(_: asyncpg.Connection, query: str, **__: float) -> None:
        pings.append(query)

    monkeypatch.setattr(asyncpg.Connection, "execute", execute)
    listener._answered_at = time.monotonic() + LIMIT_SECONDS
    await listener.wait(0.01)
    assert pings == []
    listener._answered_at = time.monotonic() - 5.1
    await listener.wait(0.01)
    await listener.wait(0.01)
    assert len(pings) == 1


async def test_a_wait_ends_without_a_notification_when_the_database_does_not_answer(
    settings: Settings,
) -> None:
    url = settings[PostgresSettings].url.set(host="127.0.0.1", port=closed_port())
    listener = OutboxListener(Database(url=url, pool_size=1, application_name="test"))
    async with asyncio.timeout(LIMIT_SECONDS):
        await listener.wait(0.1)


async def test_a_notification_that_failed_does_not_stop_the_next_one(
    listener: OutboxListener, settings: Settings
) -> None:
    postgres = settings[PostgresSettings]
    async with Proxy(postgres.host, postgres.port).running() as proxy:
        url = postgres.url.set(host="127.0.0.1", port=proxy.port)
        database = Database(url=url, pool_size=1, application_name="test")
        notifier = OutboxNotifier(database)
        proxy.refuse()
        notifier.notify()
        sending = notifier._sending
        assert sending is not None
        await sending
        assert not listener._notified.is_set()
        proxy.accept()
        notifier.notify()
        assert await is_notified(listener)
        await notifier.aclose()
        await database.aclose()


async def test_commits_in_a_row_share_a_notification(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    notifier = OutboxNotifier(database)
    sent: list[object] = []

    async def fetch(statement: object, _: object = None) -> list[object]:
        sent.append(statement)
        return []

    monkeypatch.setattr(database, "fetch", fetch)
    for _ in range(100):
        notifier.notify()
    sending = notifier._sending
    assert sending is not None
    await sending
    assert sent == [notify.NOTIFY]


async def test_a_server_that_hangs_while_the_listener_connects_is_left_after_a_bounded_wait(
    settings: Settings,
    sample_unit_of_work: SampleUnitOfWorkFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(notify, "CONNECT_TIMEOUT_SECONDS", 0.5)
    postgres = settings[PostgresSettings]
    async with Proxy(postgres.host, postgres.port).running() as proxy:
        url = postgres.url.set(host="127.0.0.1", port=proxy.port)
        listener = OutboxListener(Database(url=url, pool_size=1, application_name="test"))
        with monkeypatch.context() as hanging:
            add_listener = asyncpg.Connection.add_listener

            async def hang(connection: asyncpg.Connection, *arguments: Any) -> None:
                proxy.hang()
                await add_listener(connection, *arguments)

            hanging.setattr(asyncpg.Connection, "add_listener", hang)
            async with asyncio.timeout(LIMIT_SECONDS):
                await listener.wait(0.1)
        proxy.flow()
        monkeypatch.setattr(notify, "CONNECT_TIMEOUT_SECONDS", LIMIT_SECONDS)
        await listener.wait(0.01)
        await create_sample(sample_unit_of_work)
        assert await is_notified(listener)
        await listener.aclose()


async def test_a_listener_that_is_refused_tries_again_after_thirty_seconds(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    postgres = settings[PostgresSettings]
    url = postgres.url.set(database=f"{postgres.db}_missing")
    listener = OutboxListener(Database(url=url, pool_size=1, application_name="test"))
    attempts: list[None] = []
    listen = listener._listen

    async def count(url: URL) -> None:
        attempts.append(None)
        await listen(url)

    monkeypatch.setattr(listener, "_listen", count)
    with capture_logs() as lines:
        for _ in range(3):
            await listener.wait(0.01)
        listener._retry_at -= REFUSED_SECONDS
        await listener.wait(0.01)
    assert len(attempts) == 2
    [line] = lines
    assert (line["event"], line["log_level"]) == ("postgres_refused", "error")
    assert "POSTGRES_DB" in line["error"]
