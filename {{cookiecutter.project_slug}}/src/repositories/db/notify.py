"""Waking the worker: a NOTIFY after a commit that stored events, and the ear for it.

Only a hint. A NOTIFY that is lost costs one poll interval, never an event.
"""

import asyncio
from contextlib import suppress

import asyncpg
import structlog
from sqlalchemy import text

from src.repositories.db.engine import CONNECT_TIMEOUT_SECONDS, Database
from src.repositories.db.errors import translated_errors
from src.usecases.ports.unit_of_work import DatabaseUnavailableError

log = structlog.get_logger()

POLL_SECONDS = 1.0
"""How long whoever waits for events may not hear of one."""
CHANNEL = "outbox"
PAUSE_SECONDS = 0.02
"""How long the next NOTIFY waits for more commits to speak for."""
NOTIFY = text(f"SELECT pg_notify('{CHANNEL}', '')")


class OutboxNotifier:
    """Tells workers in any process that there are events.

    It notifies after the commit and not inside the transaction, where NOTIFY takes a lock that is
    global to the database server; and once for all commits that came meanwhile.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._is_pending = False
        self._sending: asyncio.Task[None] | None = None

    def announce(self) -> None:
        """Have a NOTIFY sent soon."""
        self._is_pending = True
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send())

    async def _send(self) -> None:
        while self._is_pending:
            self._is_pending = False
            try:
                await self._database.fetch(NOTIFY)
            except Exception as error:  # noqa: BLE001  only a hint: workers poll, too
                log.warning("worker_not_notified", error=str(error))
            await asyncio.sleep(PAUSE_SECONDS)

    async def aclose(self) -> None:
        """Send no more."""
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.wait([self._sending])


class OutboxListener:
    """Hears the notifications, on a connection of its own for as long as it lasts."""

    def __init__(self, database: Database) -> None:
        self._url, self._tls = database.url, database.tls
        self._connection: asyncpg.Connection | None = None
        self._heard = asyncio.Event()

    def wake(self) -> None:
        """Have `wait` return."""
        self._heard.set()

    async def wait(self, seconds: float) -> None:
        """Return when there may be events: after a notification, or after `seconds`."""
        try:
            if self._connection is None or self._connection.is_closed():
                await self._listen()
                return  # to look for what was committed while nobody listened
        except DatabaseUnavailableError as error:
            log.warning("listener_unavailable", error=str(error))
            await self.aclose()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._heard.wait(), seconds)
        self._heard.clear()

    async def _listen(self) -> None:
        with translated_errors():
            self._connection = await asyncpg.connect(
                **self._url.translate_connect_args(username="user"),
                ssl=self._tls,
                timeout=CONNECT_TIMEOUT_SECONDS,
                command_timeout=CONNECT_TIMEOUT_SECONDS,
            )
            await self._connection.add_listener(CHANNEL, lambda *_: self.wake())

    async def aclose(self) -> None:
        """Stop listening."""
        if self._connection is not None:
            self._connection.terminate()
