"""The connection pool, and statements that run by themselves outside a transaction."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from ssl import SSLContext
from typing import Any

import orjson
from sqlalchemy import URL, Executable, Row, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from src.repositories.postgres.errors import FAILURES
from src.repositories.postgres.guard import DatabaseGuard, UnusableDatabaseError
from src.repositories.postgres.pooler import NO_LIMITS, NO_PREPARED_STATEMENTS, comes_from_pooler
from src.repositories.postgres.transaction import Transaction
from src.repositories.postgres.watch import REQUIRE_WRITABLE, ConnectionWatch
from src.usecases.errors import DatabaseUnavailableError
from src.utils.attempts import RefusalLog

CONNECT_TIMEOUT_SECONDS = 3
STATEMENT_TIMEOUT_SECONDS = 5
IDLE_IN_TRANSACTION_SECONDS = 10


class Database:
    """A pool of PostgreSQL connections. It opens the first one when it is used.

    `guard` checks the database before its first use. `is_pooled` says that a pooler in transaction
    mode answers at `url`. `direct_url` leads past it, to PostgreSQL itself.
    """

    def __init__(  # noqa: PLR0913  each is an option of the pool
        self,
        *,
        url: URL,
        tls: SSLContext | None = None,
        pool_size: int,
        application_name: str,
        guard: DatabaseGuard | None = None,
        is_pooled: bool = False,
        direct_url: URL | None = None,
    ) -> None:
        self.session_url = direct_url or (None if is_pooled else url)
        self.tls = tls
        self.refusals = RefusalLog("postgres")
        options = {"ssl": tls, **_session_options(application_name, is_pooled=is_pooled)}
        self._engine = _create_engine(url, pool_size, options)
        self._autocommit = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        self._watch = ConnectionWatch(self._engine, self.refusals)
        # A pool that is in use says nothing about the server.
        probe = _create_engine(url, 1, options)
        self._probe = probe.execution_options(isolation_level="AUTOCOMMIT")
        self._probe_watch = ConnectionWatch(probe, self.refusals)
        if guard is not None:
            guard.watch(self._engine, time_limits())
            guard.watch(probe, time_limits())

    async def connect(self) -> None:
        """Open the first connection, which checks the database, or raise `UnusableDatabaseError`.

        One that does not answer raises `DatabaseUnavailableError`, and is checked when it does.
        """
        try:
            with self.refusals.silenced():
                await self.fetch(text("SELECT 1"))
        except (DatabaseUnavailableError, *FAILURES) as error:
            if comes_from_pooler(error):
                raise UnusableDatabaseError(NO_LIMITS.format(found="")) from error
            raise

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


def time_limits() -> dict[str, int]:
    """Return the time limits of every session in seconds, by the name of PostgreSQL's setting."""
    return {
        "statement_timeout": STATEMENT_TIMEOUT_SECONDS,
        "idle_in_transaction_session_timeout": IDLE_IN_TRANSACTION_SECONDS,
    }


def _session_options(application_name: str, *, is_pooled: bool) -> dict[str, Any]:
    """Return the driver's options. A pooler refuses time limits as startup parameters."""
    settings = {"application_name": application_name}
    if is_pooled:
        return {**NO_PREPARED_STATEMENTS, "server_settings": settings}
    limits = {name: f"{seconds}s" for name, seconds in time_limits().items()}
    return {"server_settings": {**settings, **limits}}


def _create_engine(url: URL, pool_size: int, options: dict[str, Any]) -> AsyncEngine:
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
            "timeout": CONNECT_TIMEOUT_SECONDS,
            "command_timeout": STATEMENT_TIMEOUT_SECONDS * 2,
            **options,
        },
    )
