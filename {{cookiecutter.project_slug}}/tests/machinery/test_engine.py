"""The connection pool and transactions, with a database that does not answer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from src.config import PostgresSettings
from src.domain.errors import InvalidError
from src.repositories.postgres import engine
from src.repositories.postgres.engine import Database
from src.repositories.postgres.transaction import Transaction
from src.usecases.errors import DatabaseBusyError, DatabaseUnavailableError
from src.utils.settings import Settings
from tests.support.network import Proxy, closed_port, refusing_postgres


@dataclass
class Proxied:
    """A database behind a proxy that can break its connections."""

    database: Database
    proxy: Proxy

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """Open a transaction that has begun. It is closed when the context ends."""
        transaction = self.database.transaction()
        try:
            await transaction.execute_without_events(text("SELECT 1"))
            yield transaction
        finally:
            await transaction.aclose()


@pytest.fixture
async def proxied(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Proxied]:
    monkeypatch.setattr(engine, "CONNECT_TIMEOUT_SECONDS", 0.5)
    postgres = settings[PostgresSettings]
    async with Proxy(postgres.host, postgres.port).running() as proxy:
        url = postgres.url.set(host="127.0.0.1", port=proxy.port)
        database = Database(url=url, pool_size=1, application_name="test")
        yield Proxied(database, proxy)
        proxy.cut()
        await database.aclose()


async def test_a_closed_port_is_an_unavailable_database(settings: Settings) -> None:
    url = settings[PostgresSettings].url.set(host="127.0.0.1", port=closed_port())
    database = Database(url=url, pool_size=1, application_name="test")
    with pytest.raises(DatabaseUnavailableError):
        await database.check()
    with pytest.raises(DatabaseUnavailableError):
        await database.transaction().execute_without_events(text("SELECT 1"))


@pytest.mark.parametrize(
    "sqlstate",
    [
        pytest.param("57P03", id="starting up"),
        pytest.param("53300", id="too many connections"),
        pytest.param("57P01", id="shutting down"),
    ],
)
async def test_a_server_that_refuses_clients_is_an_unavailable_database(
    settings: Settings, sqlstate: str
) -> None:
    async with refusing_postgres(sqlstate) as port:
        url = settings[PostgresSettings].url.set(host="127.0.0.1", port=port)
        database = Database(url=url, pool_size=1, application_name="test")
        with pytest.raises(DatabaseUnavailableError):
            await database.check()


async def test_a_server_that_hangs_is_an_unavailable_database_after_a_bounded_wait(
    proxied: Proxied,
) -> None:
    proxied.proxy.hang()
    async with asyncio.timeout(30):  # without the time limit it would wait for ever
        with pytest.raises(DatabaseUnavailableError):
            await proxied.database.check()


async def test_a_pool_without_a_free_connection_is_an_unavailable_database(
    proxied: Proxied,
) -> None:
    async with proxied.transaction():
        with pytest.raises(DatabaseUnavailableError):
            await proxied.database.fetch(text("SELECT 1"))
    await proxied.database.fetch(text("SELECT 1"))


async def test_the_database_can_be_checked_while_its_pool_is_in_use(proxied: Proxied) -> None:
    async with proxied.transaction():
        await proxied.database.check()


async def test_a_connection_lost_between_two_statements_is_an_unavailable_database_once(
    proxied: Proxied,
) -> None:
    async with proxied.transaction() as transaction:
        proxied.proxy.cut()
        with pytest.raises(DatabaseUnavailableError):
            await transaction.execute_without_events(text("SELECT 1"))
    await proxied.database.check()


async def test_a_connection_lost_before_the_commit_is_an_unavailable_database(
    proxied: Proxied,
) -> None:
    async with proxied.transaction() as transaction:
        proxied.proxy.cut()
        with pytest.raises(DatabaseUnavailableError):
            await transaction.commit()


async def test_a_connection_lost_while_idle_fails_at_most_one_request(
    proxied: Proxied,
) -> None:
    await proxied.database.check()
    proxied.proxy.cut()
    with suppress(DatabaseUnavailableError):
        await proxied.database.check()
    await proxied.database.check()


async def test_a_connection_that_the_server_ends_during_a_statement_is_an_unavailable_database(
    proxied: Proxied, database: Database
) -> None:
    async with proxied.transaction() as transaction:
        backend = await transaction.execute_without_events(text("SELECT pg_backend_pid()"))
        pid = backend.scalar_one()
        sleep = transaction.execute_without_events(text("SELECT pg_sleep(60)"))
        sleeping = asyncio.create_task(sleep)
        await asyncio.sleep(0.1)
        await database.fetch(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
        with pytest.raises(DatabaseUnavailableError):
            await sleeping


async def test_a_statement_that_takes_too_long_is_a_busy_database(
    proxied: Proxied,
) -> None:
    async with proxied.transaction() as transaction:
        await transaction.execute_without_events(text("SET LOCAL statement_timeout = '50ms'"))
        with pytest.raises(DatabaseBusyError):
            await transaction.execute_without_events(text("SELECT pg_sleep(4)"))


async def test_every_connection_has_time_limits(database: Database) -> None:
    [row] = await database.fetch(
        text(
            "SELECT current_setting('statement_timeout'),"
            " current_setting('idle_in_transaction_session_timeout')"
        )
    )
    assert tuple(row) == ("5s", "10s")


async def test_a_wrong_statement_is_not_reported_as_an_unavailable_database(
    database: Database,
) -> None:
    with pytest.raises(ProgrammingError):
        await database.fetch(text("SELECT no_such_column"))


async def test_the_text_of_a_database_error_contains_no_parameters(database: Database) -> None:
    with pytest.raises(ProgrammingError) as error:
        await database.fetch(text("SELECT no_such_column, :secret"), {"secret": "hunter2"})
    assert "hunter2" not in str(error.value)


async def test_closing_the_pool_of_a_hanging_server_takes_bounded_time(
    settings: Settings,
) -> None:
    postgres = settings[PostgresSettings]
    async with Proxy(postgres.host, postgres.port).running() as proxy:
        url = postgres.url.set(host="127.0.0.1", port=proxy.port)
        database = Database(url=url, pool_size=3, application_name="test")
        sleep = text("SELECT pg_sleep(0.2)")
        await asyncio.gather(*(database.fetch(sleep) for _ in range(3)))
        proxy.hang()
        async with asyncio.timeout(30):  # without the time limit it would wait for ever
            await database.aclose()
        proxy.cut()


async def test_a_connection_that_died_in_the_pool_is_replaced(proxied: Proxied) -> None:
    await proxied.database.check()
    proxied.proxy.cut()
    await asyncio.sleep(0.1)
    await proxied.database.check()
    proxied.proxy.cut()
    await asyncio.sleep(0.1)
    async with proxied.transaction() as transaction:
        await transaction.execute_without_events(text("SELECT 1"))


async def test_a_text_with_a_nul_character_is_invalid_and_no_server_error(
    database: Database,
) -> None:
    with pytest.raises(InvalidError, match="NUL"):
        await database.fetch(text("SELECT CAST(:text AS text)"), {"text": "a\0b"})
