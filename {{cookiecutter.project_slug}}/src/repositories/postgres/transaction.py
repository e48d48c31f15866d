"""A database transaction, from its first statement to its commit or rollback."""

import asyncio
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, CursorResult, Executable, Row, Select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from src.repositories.postgres.errors import translated_errors


class Transaction:
    """A transaction that begins with its first statement, and the cache keys that it changes.

    It takes no connection before that statement, so a request that the cache answers takes none.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._connection: AsyncConnection | None = None
        self.changed_keys: set[str] = set()

    async def fetch(self, query: Select[*tuple[Any, ...]], parameters: Any) -> Sequence[Row[Any]]:
        """Return the rows of a query. With `with_for_update()` it locks them until the end."""
        result = await self._execute(query, parameters)
        return result.all()

    async def execute_without_events(
        self, statement: Executable, parameters: Any = None
    ) -> CursorResult[Any]:
        """Run a statement that changes no aggregate: a bulk update, a purge, an inbox entry.

        Save an aggregate with `OutboxWriter.save`, which stores its events in the same statement.
        `parameters` is one dict, or a list of dicts to run the statement once for each.
        """
        return await self._execute(statement, parameters)

    async def commit(self) -> None:
        """Make the changes durable and return the connection to the pool."""
        if self._connection is not None:
            with translated_errors():
                await self._connection.run_sync(_commit_and_close)
            self._connection = None

    async def aclose(self) -> None:
        """Roll back and return the connection to the pool, even when the task is cancelled."""
        if self._connection is not None:
            with translated_errors():
                await asyncio.shield(self._connection.close())

    async def _execute(self, statement: Executable, parameters: Any) -> CursorResult[Any]:
        with translated_errors():
            if self._connection is not None:
                return await self._connection.execute(statement, parameters)
            self._connection = await self._engine.connect()
            try:
                return await self._connection.execute(statement, parameters)
            except DBAPIError as error:
                if not error.connection_invalidated:
                    raise
            # The server was restarted while the connection was in the pool. SQLAlchemy has emptied
            # the pool, so the next connection is new. The transaction has done nothing yet.
            await self._connection.close()
            self._connection = await self._engine.connect()
            return await self._connection.execute(statement, parameters)


def _commit_and_close(connection: Connection) -> None:
    """Commit and close in one call: each call of an `AsyncConnection` starts a greenlet."""
    connection.commit()
    connection.close()
