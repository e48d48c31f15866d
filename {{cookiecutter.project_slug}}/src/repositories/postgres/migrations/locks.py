"""The lock that one migration at a time holds, and the sessions that a migration waits for."""

import asyncio
import logging
import time
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from src.repositories.postgres.migrations.errors import MigrationError

log = logging.getLogger(__name__)

TRY_LOCK = text("SELECT pg_try_advisory_lock(hashtext('migrations'))")
SESSION = "s.pid, s.application_name, s.state, s.xact_start"
HOLDER = text(
    f"SELECT {SESSION} FROM pg_locks l JOIN pg_stat_activity s USING (pid)"  # noqa: S608
    " WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1"
    " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    " AND (l.classid::bigint << 32) | l.objid::bigint = hashtext('migrations')"
)
# A blocker without a session is a prepared transaction, with the pid 0. pg_blocking_pids is only
# called while the migration waits, because it stops the server's lock manager for a moment.
BLOCKERS = text(
    f"SELECT b.pid AS blocker, {SESSION} FROM pg_stat_activity m"  # noqa: S608
    " CROSS JOIN LATERAL unnest(CASE WHEN m.wait_event_type = 'Lock'"
    " THEN pg_blocking_pids(m.pid) END) AS b (pid)"
    " LEFT JOIN pg_stat_activity s ON s.pid = b.pid WHERE m.pid = :pid"
)
POLL_SECONDS = 0.5
WATCH_SECONDS = 0.1


def describe(session: Row[Any]) -> str:
    """Return a session in words, without its query, which may contain data."""
    if session.pid is None:
        return "a prepared transaction (see pg_prepared_xacts)"
    words = [session.application_name or "no application name", session.state or "state unknown"]
    if session.xact_start is not None:
        words.append(f"in a transaction since {session.xact_start:%Y-%m-%d %H:%M:%S %Z}")
    return f"session {session.pid} ({', '.join(words)})"


async def take_migration_lock(guard: AsyncConnection, wait_seconds: float) -> None:
    """Wait until no other migration runs. The lock is held until `guard` is closed.

    `guard` is in autocommit mode. The lock is polled, because a session that waits for it has a
    snapshot, and CREATE INDEX CONCURRENTLY of the other migration would wait for that: for ever.

    Raises:
        MigrationError: The other migration did not end in time.
    """
    deadline = time.monotonic() + wait_seconds
    while not await guard.scalar(TRY_LOCK):
        if time.monotonic() >= deadline:
            holders = [describe(session) for session in await guard.execute(HOLDER)]
            other = " and ".join(holders) or "a session that has just ended"
            raise MigrationError(
                f"Another migration was still running after {wait_seconds:g} s"
                f" (MIGRATION_LOCK_WAIT_SECONDS): {other}."
            )
        await asyncio.sleep(POLL_SECONDS)


class BlockerWatch:
    """Looks which sessions the migration waits for: afterwards the server does not know it."""

    def __init__(self, guard: AsyncConnection, pid: int) -> None:
        self._guard = guard
        self._pid = pid
        self._stop = asyncio.Event()
        self._seen: dict[int, str] = {}

    @property
    def blockers(self) -> str:
        """The sessions that were waited for last."""
        return " and ".join(self._seen.values()) or "a session that has just ended"

    def stop(self) -> None:
        """Make `run` return."""
        self._stop.set()

    async def run(self) -> None:
        """Look until `stop` is called."""
        while not self._stop.is_set():
            found = (await self._guard.execute(BLOCKERS, {"pid": self._pid})).all()
            if found:
                self._report({session.blocker: describe(session) for session in found})
            try:
                await asyncio.wait_for(self._stop.wait(), WATCH_SECONDS)
            except TimeoutError:
                continue

    def _report(self, seen: dict[int, str]) -> None:
        if seen.keys() != self._seen.keys():
            log.warning("The migration waits for %s.", " and ".join(seen.values()))
        self._seen = seen
