"""The connection pool, and the two ways to use it: a transaction, or one read of committed data."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from ssl import SSLContext
from typing import Any, TypeVar

import orjson
from sqlalchemy import URL, Connection, CursorResult, Executable, Row, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.util import greenlet_spawn

from src.repositories.db.errors import translated_errors

T = TypeVar("T")

CONNECT_TIMEOUT_SECONDS = 3
STATEMENT_TIMEOUT_SECONDS = 5
IDLE_IN_TRANSACTION_SECONDS = 10


async def in_greenlet(step: Callable[..., T], *arguments: Any) -> T:
    """Run a step in which SQLAlchemy waits for the database as if it blocked.

    `AsyncConnection` starts a greenlet for each call. One for several calls in a row makes it a
    tenth cheaper to open an account.
    """
    with translated_errors():
        return await greenlet_spawn(step, *arguments)


class Transaction:
    """A transaction that begins with its first statement, and what it will have changed."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine.sync_engine
        self._connection: Connection | None = None
        self.stale_keys: set[str] = set()

    async def execute(self, statement: Executable, parameters: Any = None) -> CursorResult[Any]:
        """Run a statement with one dict of parameters, or once for each of a list of them."""
        return await in_greenlet(self._execute, statement, parameters)

    async def commit(self) -> None:
        """Make the changes durable and return the connection."""
        await in_greenlet(self._commit)

    async def aclose(self) -> None:
        """Roll back what is not committed and return the connection, even when cancelled."""
        if self._connection is not None:
            await asyncio.shield(in_greenlet(self._connection.close))

    def fetch(self, statement: Executable, parameters: Any) -> Sequence[Row[Any]]:
        """Return the rows of the only statement. Runs in a greenlet."""
        try:
            return self._execute(statement, parameters).all()
        finally:
            if self._connection is not None:
                self._connection.close()

    def _execute(self, statement: Executable, parameters: Any) -> CursorResult[Any]:
        if self._connection is None:
            self._connection = self._engine.connect()
            try:
                return self._connection.execute(statement, parameters)
            except DBAPIError as error:
                if not error.connection_invalidated:
                    raise
                # The pool had kept it since before the server was restarted; now it is empty and
                # the next one is new. A transaction has done nothing yet; the statements that
                # `Database.fetch` runs by themselves may run twice without harm.
                self._connection.close()
                self._connection = self._engine.connect()
        return self._connection.execute(statement, parameters)

    def _commit(self) -> None:
        if self._connection is not None:
            self._connection.commit()
            self._connection.close()
            self._connection = None


class Database:
    """A pool of PostgreSQL connections. Opens none before it is used."""

    def __init__(
        self, url: URL, *, tls: SSLContext | None = None, pool_size: int, application_name: str
    ) -> None:
        self.url, self.tls = url, tls
        self._engine = create_async_engine(
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
        self._autocommit = self._engine.execution_options(isolation_level="AUTOCOMMIT")

    def transaction(self) -> Transaction:
        """Return a new transaction, which its user commits and closes."""
        return Transaction(self._engine)

    async def fetch(self, statement: Executable, parameters: Any = None) -> Sequence[Row[Any]]:
        """Return the rows of one statement that sees what is committed, without BEGIN."""
        return await in_greenlet(Transaction(self._autocommit).fetch, statement, parameters)

    async def check(self) -> None:
        """Return if the database answers, else raise `DatabaseUnavailableError`."""
        await self.fetch(text("SELECT 1"))

    async def aclose(self) -> None:
        """Close the pool. A server that hangs holds up nobody who stops."""
        with suppress(TimeoutError):
            async with asyncio.timeout(CONNECT_TIMEOUT_SECONDS):
                await self._engine.dispose()
