"""A database transaction, from its first statement to its commit or rollback."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, CursorResult, Executable, Row, Select, UpdateBase, func
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from src.repositories.postgres.errors import translated_errors
from src.repositories.postgres.watch import ConnectionWatch, is_read_only


@cache
def _with_time(query: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    """Return the query with the database's time as its last column."""
    return query.add_columns(func.now().label("database_time"))


class Transaction:
    """A transaction that begins with its first statement, and the cache keys that it changes.

    It takes no connection before that statement, so a request that the cache answers takes none.
    """

    def __init__(
        self, engine: AsyncEngine, *, watch: ConnectionWatch, is_autocommit: bool = False
    ) -> None:
        self._engine = engine
        self._watch = watch
        self._is_autocommit = is_autocommit
        self._connection: AsyncConnection | None = None
        self._has_written = False
        self._now: datetime | None = None
        self.changed_keys: set[str] = set()

    @property
    def now(self) -> datetime:
        """The time in UTC: the database's after `fetch_for_update`, before that this process's."""
        if self._now is None:
            self._now = datetime.now(UTC)
        return self._now

    async def fetch(self, query: Select[*tuple[Any, ...]], parameters: Any) -> Sequence[Row[Any]]:
        """Return the rows of a query. With `with_for_update()` it locks them until the end."""
        result = await self._execute(query, parameters)
        return result.all()

    async def fetch_for_update(
        self, query: Select[*tuple[Any, ...]], parameters: Any
    ) -> dict[str, Any] | None:
        """Return one row, or None. The query locks it with `with_for_update()` until the end.

        The same statement reads the database's clock, which is `now` from then on.
        """
        row = (await self._execute(_with_time(query), parameters)).first()
        if row is None:
            return None
        columns = dict(row._mapping)
        self._now = columns.pop("database_time")
        return columns

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
            with translated_errors(self._watch.refusals):
                await self._connection.run_sync(_commit_and_close)
            self._connection = None
            if self._has_written:
                self._watch.written()

    async def aclose(self) -> None:
        """Roll back and return the connection to the pool, even when the task is cancelled."""
        if self._connection is not None:
            with translated_errors(self._watch.refusals):
                await asyncio.shield(self._connection.close())

    async def _execute(self, statement: Executable, parameters: Any) -> CursorResult[Any]:
        self._has_written = self._has_written or isinstance(statement, UpdateBase)
        with translated_errors(self._watch.refusals):
            if self._connection is not None:
                return await self._connection.execute(statement, parameters)
            self._connection = await self._engine.connect()
            try:
                return await self._connection.execute(statement, parameters)
            except DBAPIError as error:
                # An autocommitted statement may have had its effect, unless it was refused.
                is_safe = not self._is_autocommit or is_read_only(error.orig)
                if not error.connection_invalidated or not is_safe:
                    raise
            # The pool is empty now, so the next connection is new and leads to the current server.
            await self._connection.close()
            self._connection = await self._engine.connect()
            return await self._connection.execute(statement, parameters)


def _commit_and_close(connection: Connection) -> None:
    """Commit and close in one call: each call of an `AsyncConnection` starts a greenlet."""
    connection.commit()
    connection.close()
