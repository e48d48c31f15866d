"""The connection pool, and statements that run by themselves outside a transaction."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from ssl import SSLContext
from typing import Any

import orjson
from sqlalchemy import URL, Executable, Row, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from src.repositories.postgres.transaction import Transaction
from src.repositories.postgres.watch import ConnectionWatch
from src.usecases.errors import DatabaseUnavailableError
from src.utils.attempts import RefusalLog

CONNECT_TIMEOUT_SECONDS = 3
STATEMENT_TIMEOUT_SECONDS = 5
IDLE_IN_TRANSACTION_SECONDS = 10
# Fails as every write does on a server that became read-only, and writes nothing.
REQUIRE_WRITABLE = text(
    "DO $$ BEGIN IF current_setting('transaction_read_only') = 'on'"
    " THEN RAISE read_only_sql_transaction; END IF; END $$"
)


class Database:
    """A pool of PostgreSQL connections. It opens the first one when it is used."""

    def __init__(
        self, *, url: URL, tls: SSLContext | None = None, pool_size: int, application_name: str
    ) -> None:
        self.url = url
        self.tls = tls
        self.refusals = RefusalLog("postgres")
        self._engine = _create_engine(url, tls, pool_size, application_name)
        self._autocommit = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        self._watch = ConnectionWatch(self._engine, self.refusals)
        # A pool that is in use says nothing about the server.
        probe = _create_engine(url, tls, 1, application_name)
        self._probe = probe.execution_options(isolation_level="AUTOCOMMIT")
        self._probe_watch = ConnectionWatch(probe, self.refusals)

    def transaction(self) -> Transaction:
        """Return a new transaction. The caller commits and closes it."""
        return Transaction(self._engine, watch=self._watch)

    async def fetch(self, statement: Executable, parameters: Any = None) -> Sequence[Row[Any]]:
        """Run one statement without BEGIN, and return its rows. It sees committed data only.

        A statement may be a write, so it is never sent twice.
        """
        transaction = Transaction(self._autocommit, watch=self._watch, is_autocommit=True)
        try:
            result = await transaction.execute_without_events(statement, parameters)
            rows = result.all() if result.returns_rows else []
            await transaction.commit()  # returns the connection: there is nothing to commit
            return rows
        finally:
            await transaction.aclose()

    async def check(self) -> None:
        """Return if the database can be written, else raise `DatabaseUnavailableError`.

        It has a connection of its own. A full disk is known from the last write: the check writes
        nothing.
        """
        probe = Transaction(self._probe, watch=self._probe_watch, is_autocommit=True)
        try:
            await probe.execute_without_events(REQUIRE_WRITABLE)
            await probe.commit()
        except DatabaseUnavailableError as error:
            if error.state == "read-only":  # so are the connections of the pool
                await self._engine.dispose()
            raise
        finally:
            await probe.aclose()
        if self._watch.is_full:
            raise DatabaseUnavailableError("The last write found the disk full.", "full")

    async def aclose(self) -> None:
        """Close the pool. A server that hangs delays this by a few seconds at most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(CONNECT_TIMEOUT_SECONDS):
                await asyncio.gather(self._engine.dispose(), self._probe.dispose())


def _create_engine(
    url: URL, tls: SSLContext | None, pool_size: int, application_name: str
) -> AsyncEngine:
    return create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=CONNECT_TIMEOUT_SECONDS,
        pool_recycle=1800,
        hide_parameters=True,  # errors are logged, and parameters hold addresses and hashes
        json_serializer=lambda value: orjson.dumps(value, default=str).decode(),
        json_deserializer=orjson.loads,
        connect_args={
            "ssl": tls,
            "timeout": CONNECT_TIMEOUT_SECONDS,
            "command_timeout": STATEMENT_TIMEOUT_SECONDS * 2,
            "server_settings": {
                "application_name": application_name,
                "statement_timeout": f"{STATEMENT_TIMEOUT_SECONDS}s",
                "idle_in_transaction_session_timeout": f"{IDLE_IN_TRANSACTION_SECONDS}s",
            },
        },
    )
