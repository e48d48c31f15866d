"""Watches the connections of a pool: pings idle ones, and discards dead and read-only ones."""

import math
import time
from typing import Any

import asyncpg
from sqlalchemy import event, text
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncEngine

from src.repositories.postgres.errors import FULL, READ_ONLY
from src.utils.attempts import RefusalLog

IDLE_SECONDS = 5.0
"""A connection that was idle for longer is pinged before it is used."""
PING_SECONDS = 1.0
FULL_SECONDS = 30.0
"""How long a failed write counts: an API that is not ready gets no write that could succeed."""

# Fails as every write does on a server that became read-only, and writes nothing.
REQUIRE_WRITABLE = text(
    "DO $$ BEGIN IF current_setting('transaction_read_only') = 'on'"
    " THEN RAISE read_only_sql_transaction; END IF; END $$"
)


class ConnectionWatch:
    """Listens to the events of a pool. It also notes whether the last write met a full disk.

    A connection that does not answer or cannot write empties the pool: the others lead to the same
    server.
    """

    def __init__(self, engine: AsyncEngine, refusals: RefusalLog) -> None:
        self.refusals = refusals
        self._silent_at = -math.inf
        self._full_at = -math.inf
        pool = engine.sync_engine
        event.listen(pool, "checkout", self._require_answer)
        event.listen(pool, "checkin", _returned)
        event.listen(pool, "close", self._close)
        event.listen(pool, "handle_error", self._failed)

    @property
    def is_full(self) -> bool:
        """Whether the last write failed because the disk was full."""
        return time.monotonic() - self._full_at < FULL_SECONDS

    def written(self) -> None:
        """Note that a write succeeded."""
        self._full_at = -math.inf

    def _require_answer(self, connection: Any, record: Any, _: object) -> None:
        """Empty the pool if this connection is closed, or idle and without an answer to a ping."""
        used_at = record.info.get("used_at")
        if used_at is None:
            return  # it is new
        if connection.driver_connection.is_closed():
            raise InvalidatePoolError
        if time.monotonic() - used_at <= IDLE_SECONDS:
            return
        try:
            connection.run_async(lambda driver: driver.execute("SELECT 1", timeout=PING_SECONDS))
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            self._silent_at = time.monotonic()
            raise InvalidatePoolError from error

    def _close(self, connection: Any, record: Any) -> None:
        """Abort a connection that may be silent. SQLAlchemy would wait for its answer."""
        if record.info.get("used_at", 0.0) <= self._silent_at:
            connection.driver_connection.terminate()

    def _failed(self, context: ExceptionContext) -> None:
        """Empty the pool after a statement without an answer, and after a refused write."""
        error = context.original_exception
        if isinstance(error, TimeoutError):
            self._silent_at = time.monotonic()
        if isinstance(error, TimeoutError) or is_read_only(error):
            context.is_disconnect = True
            context.invalidate_pool_on_disconnect = True
        elif getattr(error, "sqlstate", None) == FULL:
            self._full_at = time.monotonic()


def is_read_only(error: BaseException | None) -> bool:
    """Tell whether the server refused a write because it is read-only: a standby, for example."""
    return getattr(error, "sqlstate", None) == READ_ONLY


def _returned(_: object, record: Any) -> None:
    record.info["used_at"] = time.monotonic()
