"""Connections to Postgres that die without a sign: no byte arrives, and no side notices."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import asyncpg
import pytest
from sqlalchemy import text

from src.config import PostgresSettings
from src.repositories.postgres import engine, watch
from src.repositories.postgres.engine import Database
from src.usecases.errors import DatabaseUnavailableError
from src.utils.settings import Settings
from tests.support.network import Proxy
from tests.support.waiting import eventually

SELECT = text("SELECT 1")
SLEEP = text("SELECT pg_sleep(0.2)")
INSERT = text("INSERT INTO machinery_samples VALUES (gen_random_uuid(), :label, 1) RETURNING id")
COUNT = text("SELECT count(*) FROM machinery_samples WHERE label = :label")
SIZE = 3

pytestmark = pytest.mark.usefixtures("samples_table")


@dataclass(frozen=True)
class Pool:
    """A pool behind a proxy, with all its connections open."""

    database: Database
    proxy: Proxy

    async def use_all(self) -> None:
        """Use every connection of the pool at the same time."""
        await asyncio.gather(*(self.database.fetch(SLEEP) for _ in range(SIZE)))


@pytest.fixture
async def pool(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Pool]:
    monkeypatch.setattr(engine, "STATEMENT_TIMEOUT_SECONDS", 30)
    postgres = settings[PostgresSettings]
    async with Proxy(postgres.host, postgres.port).running() as proxy:
        url = postgres.url.set(host="127.0.0.1", port=proxy.port)
        pool = Pool(Database(url=url, pool_size=SIZE, application_name="test"), proxy)
        await pool.use_all()
        assert proxy.connections == SIZE
        yield pool
        proxy.cut()
        await pool.database.aclose()


async def test_a_silent_connection_that_was_idle_is_replaced_before_it_is_used(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "IDLE_SECONDS", 0)
    pool.proxy.mute()
    assert len(await pool.database.fetch(SELECT)) == 1


async def test_a_ping_without_an_answer_empties_the_pool(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "IDLE_SECONDS", 0)
    pool.proxy.mute()
    await pool.database.fetch(SELECT)
    # Now only an empty pool helps: a silent connection that is not pinged would not answer.
    monkeypatch.setattr(watch, "IDLE_SECONDS", 3600)
    await pool.use_all()
    assert pool.proxy.connections >= 2 * SIZE


async def test_discarding_silent_connections_does_not_wait_for_them(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = []
    close = asyncpg.Connection.close

    async def wait_and_close(connection: asyncpg.Connection, **options: float) -> None:
        closed.append(connection.is_closed())
        await close(connection, **options)

    monkeypatch.setattr(asyncpg.Connection, "close", wait_and_close)
    monkeypatch.setattr(watch, "IDLE_SECONDS", 0)
    pool.proxy.mute()
    await pool.use_all()
    assert closed == [True] * SIZE


async def test_a_connection_that_was_just_used_is_not_pinged(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    pings = []
    monkeypatch.setattr(watch, "IDLE_SECONDS", 3600)
    monkeypatch.setattr(
        asyncpg.Connection, "execute", lambda *arguments, **_: pings.append(arguments)
    )
    await pool.use_all()
    assert pings == []


def test_a_connection_is_pinged_after_five_idle_seconds_for_at_most_one_second() -> None:
    assert (watch.IDLE_SECONDS, watch.PING_SECONDS) == (5, 1)


async def test_a_statement_without_an_answer_empties_the_pool(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "STATEMENT_TIMEOUT_SECONDS", 1)  # the driver waits twice as long
    postgres = settings[PostgresSettings]
    async with Proxy(postgres.host, postgres.port).running() as proxy:
        url = postgres.url.set(host="127.0.0.1", port=proxy.port)
        pool = Pool(Database(url=url, pool_size=SIZE, application_name="test"), proxy)
        await pool.use_all()
        proxy.mute()
        with pytest.raises(DatabaseUnavailableError):
            await pool.database.fetch(SELECT)
        await pool.use_all()
        await pool.database.aclose()


async def count(database: Database, label: str) -> int:
    """Return the number of committed samples with a label."""
    [[number]] = await database.fetch(COUNT, {"label": label})
    return int(number)


@pytest.mark.parametrize("is_transaction", [False, True], ids=["autocommitted", "transaction"])
async def test_a_write_whose_answer_is_lost_is_not_sent_again(
    pool: Pool, database: Database, is_transaction: bool
) -> None:
    label = f"written {is_transaction}"

    async def write() -> None:
        if not is_transaction:
            await pool.database.fetch(INSERT, {"label": label})
            return
        transaction = pool.database.transaction()
        try:
            await transaction.execute_without_events(INSERT, {"label": label})
            pool.proxy.mute(answers_only=True)
            await transaction.commit()
        finally:
            await transaction.aclose()

    for _ in range(SIZE):  # so that every connection has prepared the statement
        await pool.database.fetch(INSERT, {"label": "an earlier one"})
    if not is_transaction:
        pool.proxy.mute(answers_only=True)
    writing = asyncio.create_task(write())

    async def is_written() -> bool:
        return await count(database, label) == 1

    await eventually(is_written)
    pool.proxy.cut()
    with pytest.raises(DatabaseUnavailableError):
        await writing
    assert await count(database, label) == 1
