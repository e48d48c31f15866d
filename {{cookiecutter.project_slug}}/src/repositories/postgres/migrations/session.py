"""The connections of a migration: its lock, its limits, and tries until it gets its locks."""

import asyncio
import random
import time
from collections.abc import Callable
from ssl import SSLContext

from sqlalchemy import URL, Connection, event, pool, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from src.repositories.postgres.migrations.errors import MigrationError, sqlstate
from src.repositories.postgres.migrations.locks import BlockerWatch, take_migration_lock

LOCK_TIMEOUT_MS = 500
"""How long a statement waits for a lock. Other statements on the table wait behind it."""
PAUSE_SECONDS = (1.0, 5.0)
LOCK_NOT_AVAILABLE = "55P03"
LIMITS = ("statement_timeout", "idle_in_transaction_session_timeout", "idle_session_timeout")
PID = text("SELECT pg_backend_pid()")


class MigrationSession:
    """Runs a function on a connection, while it holds the migration lock on another one.

    The lock needs a connection of its own, because an autocommit block ends the transaction.
    """

    def __init__(
        self, *, url: URL, tls: SSLContext | None, service: str, lock_wait_seconds: float
    ) -> None:
        session = {"application_name": f"{service} migration", **dict.fromkeys(LIMITS, "0")}
        self._engine = create_async_engine(
            url, poolclass=pool.NullPool, connect_args={"ssl": tls, "server_settings": session}
        )
        self._wait_seconds = lock_wait_seconds
        self._waiting_since: float | None = None

    def progressed(self) -> None:
        """Allow the full time to wait for the next lock."""
        self._waiting_since = None

    async def run(self, migrate: Callable[[Connection], None], *, is_exclusive: bool) -> None:
        """Call `migrate`, again after each time that it did not get a lock.

        Raises:
            MigrationError: A lock was not free in time.
        """
        try:
            async with self._engine.connect() as guard, self._engine.connect() as connection:
                await guard.execution_options(isolation_level="AUTOCOMMIT")
                if is_exclusive:
                    await take_migration_lock(guard, self._wait_seconds)
                watch = BlockerWatch(guard, await connection.scalar(PID))
                await connection.rollback()
                watching = asyncio.create_task(watch.run())
                try:
                    await self._retry(connection, migrate, watch)
                finally:
                    watch.stop()
                    await watching
        finally:
            await self._engine.dispose()

    async def _retry(
        self,
        connection: AsyncConnection,
        migrate: Callable[[Connection], None],
        watch: BlockerWatch,
    ) -> None:
        """Pause after each try: statements that were queued behind the migration then run."""
        event.listen(connection.sync_connection, "begin", _limit_lock_waits)
        while True:
            try:
                return await connection.run_sync(migrate)
            except DBAPIError as error:
                if sqlstate(error) != LOCK_NOT_AVAILABLE:
                    raise
                await connection.rollback()
            self._waiting_since = self._waiting_since or time.monotonic()
            left = self._waiting_since + self._wait_seconds - time.monotonic()
            if left <= 0:
                raise MigrationError(
                    f"The migration gave up after it waited {self._wait_seconds:g} s"
                    f" (MIGRATION_LOCK_WAIT_SECONDS) for {watch.blockers}."
                )
            await asyncio.sleep(min(random.uniform(*PAUSE_SECONDS), left))  # noqa: S311


def _limit_lock_waits(connection: Connection) -> None:
    """Set the lock timeout of a transaction that begins. In an autocommit block there is none.

    CREATE INDEX CONCURRENTLY leaves an invalid index if it times out, and blocks no statement.
    """
    options = connection.get_execution_options()
    milliseconds = 0 if options.get("isolation_level") == "AUTOCOMMIT" else LOCK_TIMEOUT_MS
    cursor = connection.connection.cursor()  # a statement of the connection would begin again
    cursor.execute(f"SET lock_timeout = {milliseconds}")
    cursor.close()
