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

CONNECT_TIMEOUT_SECONDS = 3
STATEMENT_TIMEOUT_SECONDS = 5
IDLE_IN_TRANSACTION_SECONDS = 10


class Database:
    """A pool of PostgreSQL connections. It opens the first one when it is used."""

    def __init__(
        self, *, url: URL, tls: SSLContext | None = None, pool_size: int, application_name: str
    ) -> None:
        self.url = url
        self.tls = tls
        self._engine = _create_engine(url, tls, pool_size, application_name)
        self._autocommit = self._engine.execution_options(isolation_level="AUTOCOMMIT")

    def transaction(self) -> Transaction:
        """Return a new transaction. The caller commits and closes it."""
        return Transaction(self._engine)

    async def fetch(self, statement: Executable, parameters: Any = None) -> Sequence[Row[Any]]:
        """Run one statement without BEGIN, and return its rows. It sees committed data only.

        A statement that meets a connection closed by the server runs again on a new connection, so
        it must do no harm when it runs twice.
        """
        transaction = Transaction(self._autocommit)
        try:
            result = await transaction.execute_without_events(statement, parameters)
            rows = result.all()
            await transaction.commit()  # returns the connection: there is nothing to commit
            return rows
        finally:
            await transaction.aclose()

    async def check(self) -> None:
        """Return if the database answers, else raise `DatabaseUnavailableError`."""
        await self.fetch(text("SELECT 1"))

    async def aclose(self) -> None:
        """Close the pool. A server that hangs delays this by a few seconds at most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(CONNECT_TIMEOUT_SECONDS):
                await self._engine.dispose()


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
