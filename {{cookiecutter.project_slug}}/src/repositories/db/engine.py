"""The connection pool, and the two ways to use it: a transaction, or one read of committed data."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from ssl import SSLContext
from typing import Any

import asyncpg
import orjson
from sqlalchemy import URL, Connection, CursorResult, Executable, Row, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from src.domain.aggregate import Aggregate
from src.domain.events import Event
from src.usecases.ports.unit_of_work import DatabaseUnavailableError

CONNECT_TIMEOUT_SECONDS = 3
STATEMENT_TIMEOUT_SECONDS = 5
IDLE_IN_TRANSACTION_SECONDS = 10

# An OSError is a refusal, an unreachable server or a TimeoutError.
UNAVAILABLE = (InterfaceError, OperationalError, PoolTimeoutError, asyncpg.InterfaceError, OSError)
UNAVAILABLE_STATES = ("08", "25P03", "40", "53", "57")
"""SQLSTATEs, or their classes: connection lost, idle for too long, deadlock, too many clients,
cancelled or shut down. SQLAlchemy has no class for these of asyncpg and raises `DBAPIError`."""


@contextmanager
def translated_errors() -> Iterator[None]:
    """Turn the driver's many ways to say "no answer" into `DatabaseUnavailableError`.

    An error of the server has an SQLSTATE; one without is a connection that broke.
    """
    try:
        yield
    except UNAVAILABLE as error:
        raise DatabaseUnavailableError(f"{type(error).__name__}: {error}") from error
    except (DBAPIError, asyncpg.PostgresError) as error:
        state = getattr(getattr(error, "orig", error), "sqlstate", None)
        if state and not state.startswith(UNAVAILABLE_STATES):
            raise
        raise DatabaseUnavailableError(f"{type(error).__name__}: {error}") from error


class Transaction:
    """A transaction that begins with its first statement, and what it will have changed."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._connection: AsyncConnection | None = None
        self.events: list[Event] = []
        self.stale_keys: set[str] = set()

    async def execute(self, statement: Executable, parameters: Any = None) -> CursorResult[Any]:
        """Run a statement with one dict of parameters, or once for each of a list of them."""
        with translated_errors():
            if self._connection is None:
                self._connection = await self._engine.connect()
                try:
                    return await self._connection.execute(statement, parameters)
                except DBAPIError as error:
                    if not error.connection_invalidated:
                        raise
                    # The pool had kept it since before the server was restarted; now it is empty
                    # and the next one is new. A transaction has done nothing yet; the statements
                    # that `Database.fetch` runs by themselves may run twice without harm.
                    await self._connection.close()
                    self._connection = await self._engine.connect()
            return await self._connection.execute(statement, parameters)

    def take_events(self, aggregate: Aggregate) -> None:
        """Have the aggregate's new events stored when this commits."""
        self.events += aggregate.events
        aggregate.events = []

    async def commit(self) -> None:
        """Make the changes durable and return the connection."""
        if self._connection is not None:
            with translated_errors():
                await self._connection.run_sync(_commit_and_close)
            self._connection = None

    async def aclose(self) -> None:
        """Roll back what is not committed and return the connection, even when cancelled."""
        if self._connection is not None:
            with translated_errors():
                await asyncio.shield(self._connection.close())


def _commit_and_close(connection: Connection) -> None:
    # In one call, for each is a greenlet of its own. After a commit, no close waits for the server.
    connection.commit()
    connection.close()


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
        transaction = Transaction(self._autocommit)
        try:
            rows = (await transaction.execute(statement, parameters)).all()
            await transaction.commit()  # sends nothing, but returns the connection
            return rows
        finally:
            await transaction.aclose()

    async def check(self) -> None:
        """Return if the database answers, else raise `DatabaseUnavailableError`."""
        await self.fetch(text("SELECT 1"))

    async def aclose(self) -> None:
        """Close the pool."""
        await self._engine.dispose()
