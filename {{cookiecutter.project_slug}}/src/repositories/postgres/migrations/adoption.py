"""Gives a database to this service: after a rename, or if it has no mark."""

from collections.abc import Callable
from ssl import SSLContext
from typing import TypeVar

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.script.revision import RevisionError
from sqlalchemy import URL, Connection, pool
from sqlalchemy.ext.asyncio import create_async_engine

from src.repositories.postgres.errors import translated_errors
from src.repositories.postgres.migrations.errors import MigrationError
from src.repositories.postgres.migrations.history import SchemaHistory
from src.repositories.postgres.pooler import NO_PREPARED_STATEMENTS
from src.utils.attempts import RefusalLog

EMPTY = "The database {database} has no tables yet: the first migration marks it as this service's."
UNKNOWN = (
    "The database is at revision {heads}, which this image does not know: run the command in an"
    " image that has this revision."
)
T = TypeVar("T")


class Adoption:
    """Reads and changes the mark of a database. Its connections are not checked."""

    def __init__(
        self, *, url: URL, tls: SSLContext | None, service: str, script: ScriptDirectory
    ) -> None:
        self._url = url
        options = {"ssl": tls, **NO_PREPARED_STATEMENTS}  # a pooler may answer
        self._engine = create_async_engine(url, poolclass=pool.NullPool, connect_args=options)
        self._history = SchemaHistory(service=service, script=script)

    async def owners(self) -> list[str]:
        """Return the services that have marked the database."""
        return await self._run(self._history.owners)

    async def adopt(self) -> None:
        """Mark the database as this service's.

        Raises:
            MigrationError: It has no revision, or one that this image does not know.
        """
        await self._run(self._adopt)

    def _adopt(self, connection: Connection) -> None:
        heads = MigrationContext.configure(connection).get_current_heads()
        if not heads and not self._history.owners(connection):
            raise MigrationError(EMPTY.format(database=self._url.database))
        try:
            self._history.adopt(connection, heads)
        except RevisionError as error:
            raise MigrationError(UNKNOWN.format(heads=", ".join(heads))) from error

    async def _run(self, function: Callable[[Connection], T]) -> T:
        with translated_errors(RefusalLog("postgres")):
            async with self._engine.begin() as connection:
                return await connection.run_sync(function)
