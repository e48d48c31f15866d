"""Wakes the worker: sends NOTIFY after a commit that stored events, and listens for it.

NOTIFY is only a hint. A lost one delays an event by one poll interval; it never loses the event.
"""

import asyncio
import time
from contextlib import suppress

import asyncpg
import structlog
from sqlalchemy import URL, text

from src.repositories.postgres.engine import CONNECT_TIMEOUT_SECONDS, Database
from src.repositories.postgres.errors import translated_errors
from src.repositories.postgres.watch import IDLE_SECONDS, PING_SECONDS
from src.usecases.errors import DatabaseUnavailableError
from src.utils.attempts import retry_seconds

log = structlog.get_logger()

POLL_SECONDS = 1.0
"""Poll interval: the longest delay of an event when a NOTIFY is lost."""
CHANNEL = "outbox"
PAUSE_SECONDS = 0.02
"""The shortest time between two NOTIFYs. The second one covers all commits in between."""
NOTIFY = text(f"SELECT pg_notify('{CHANNEL}', '')")


class OutboxNotifier:
    """Notifies the workers of all processes that the outbox has events.

    It sends NOTIFY after the commit, because inside a transaction NOTIFY takes a lock that is
    global to the database server. One NOTIFY covers all commits since the last one.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._is_pending = False
        self._sending: asyncio.Task[None] | None = None

    def notify(self) -> None:
        """Schedule a NOTIFY."""
        self._is_pending = True
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send())

    async def _send(self) -> None:
        while self._is_pending:
            self._is_pending = False
            try:
                await self._database.fetch(NOTIFY)
            except Exception as error:  # noqa: BLE001  only a hint: workers also poll
                log.warning("notify_failed", error=str(error))
            await asyncio.sleep(PAUSE_SECONDS)

    async def aclose(self) -> None:
        """Stop sending."""
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.wait([self._sending])


class OutboxListener:
    """Waits for notifications, on a connection of its own that it opens again when it is lost.

    A pooler in transaction mode cannot listen. Without a direct address, every wait is a poll.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: asyncpg.Connection | None = None
        self._notified = asyncio.Event()
        self._answered_at = 0.0
        self._retry_at = 0.0

    def wake(self) -> None:
        """Make `wait` return."""
        self._notified.set()

    async def wait(self, seconds: float) -> None:
        """Return when the outbox may have events: after a notification, or after `seconds`."""
        try:
            if self._connection is None or self._connection.is_closed():
                url = self._database.session_url
                if url is not None and time.monotonic() >= self._retry_at:
                    await self._listen(url)
                    return  # events may have been committed before it listened
            elif time.monotonic() - self._answered_at > IDLE_SECONDS:
                with translated_errors(self._database.refusals):
                    await self._connection.execute("SELECT 1", timeout=PING_SECONDS)
                self._answered_at = time.monotonic()
        except DatabaseUnavailableError as error:
            self._retry_at = time.monotonic() + retry_seconds(error, "listener_unavailable", 0)
            await self.aclose()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._notified.wait(), seconds)
        self._notified.clear()

    async def _listen(self, url: URL) -> None:
        with translated_errors(self._database.refusals):
            self._connection = await asyncpg.connect(
                **url.translate_connect_args(username="user"),
                ssl=self._database.tls,
                timeout=CONNECT_TIMEOUT_SECONDS,
                command_timeout=CONNECT_TIMEOUT_SECONDS,
            )
            await self._connection.add_listener(CHANNEL, lambda *_: self.wake())
        self._answered_at = time.monotonic()

    async def aclose(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.terminate()
