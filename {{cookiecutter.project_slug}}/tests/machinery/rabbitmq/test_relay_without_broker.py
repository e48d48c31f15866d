"""The relay when it loses its connection, or when the broker hangs or is away."""

import asyncio

import pytest
from structlog.typing import EventDict

from src.repositories.outbox import notify
from src.repositories.postgres.engine import Database
from src.repositories.rabbitmq import connection, relay
from tests.machinery.rabbitmq.amqp import Queues
from tests.machinery.rabbitmq.conftest import Relaying, failed
from tests.machinery.support.outbox import emptied, rows, store
from tests.support.network import Proxy
from tests.support.waiting import eventually

pytestmark = pytest.mark.usefixtures("empty_tables")


async def connected(proxy: Proxy, times: int) -> None:
    """Return when this many connections have been opened."""

    async def have_been_opened() -> bool:
        return proxy.connections >= times

    await eventually(have_been_opened)


async def test_a_connection_lost_while_idle_costs_no_attempt(
    relaying: Relaying, database: Database, queues: Queues, proxy: Proxy, log_lines: list[EventDict]
) -> None:
    async with relaying():
        await store(database)
        await emptied(database)
        proxy.cut()
        await asyncio.sleep(0.1)
        await store(database)
        await emptied(database)
    assert await queues.count(queues.topology.queue) == 2
    assert "event_not_published" not in [line["event"] for line in log_lines]
    assert proxy.connections == 2


async def test_a_broker_that_hangs_fails_one_batch_and_the_next_batch_has_a_new_channel(
    relaying: Relaying, database: Database, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "PUBLISH_TIMEOUT_SECONDS", 0.3)
    monkeypatch.setattr(connection, "CLOSE_TIMEOUT_SECONDS", 0.1)
    async with relaying():
        await store(database)
        await emptied(database)
        proxy.hang()
        await store(database, 10)
        row = await failed(database)
        assert (row.attempts, row.last_error.partition(":")[0]) == (1, "TimeoutError")
        assert {row.attempts for row in await rows(database)} == {1}
        await connected(proxy, 2)
        proxy.refuse()  # closing the new connection would wait for the broker


async def test_a_broker_that_is_away_leaves_the_outbox_unchanged_until_it_is_back(
    relaying: Relaying, database: Database, queues: Queues, proxy: Proxy
) -> None:
    proxy.refuse()
    await store(database)
    async with relaying():
        await connected(proxy, 1)
        [row] = await rows(database)
        assert (row.attempts, row.last_error) == (0, None)
        proxy.accept()
        await emptied(database)
    assert await queues.count(queues.topology.queue) == 1


async def test_notifications_cause_no_connection_attempts_while_the_broker_is_away(
    relaying: Relaying, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notify, "POLL_SECONDS", 3600)
    proxy.refuse()
    async with relaying() as listener:
        await connected(proxy, 1)
        for _ in range(20):
            listener.wake()
            await asyncio.sleep(0.01)
    assert proxy.connections == 1
