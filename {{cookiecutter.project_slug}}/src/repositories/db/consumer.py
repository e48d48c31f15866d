"""Handing the outbox's messages straight to their handlers.

To take a message is to put it off until its handler's time is over: until then nobody else sees it,
and its row goes once it is handled. One that comes again because nobody answered it may have killed
its worker: such suspects are taken one at a time and have used up an attempt, so that a killer does
not take those held beside it along for ever.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import KW_ONLY, dataclass, field
from datetime import timedelta
from typing import Any

import orjson
import structlog
from sqlalchemy import Executable, Row

from src.repositories.db import notify
from src.repositories.db.engine import Database
from src.repositories.db.queue import BURY, DELETE, PUT_OFF, TAKE, UNANSWERED
from src.usecases.ports.messaging import MessageHandler, PermanentError, error_text
from src.usecases.ports.unit_of_work import DatabaseUnavailableError

log = structlog.get_logger()

MARGIN_SECONDS = 10.0
"""How long storing the outcome may take after a handler's time is over."""
RETRY_SECONDS = 1.0

Outcome = tuple[Executable, dict[str, Any]]


@dataclass
class OutboxConsumer:
    """Takes messages and answers them, many at a time. Its port is `EventConsumer`.

    `listener` hears of new messages; without it they are looked for from time to time.
    """

    database: Database
    handle: MessageHandler
    _: KW_ONLY
    retry_delays: Sequence[int]
    concurrency: int
    handler_timeout_seconds: float
    take: Executable = TAKE
    listener: notify.OutboxListener | None = None
    is_consuming: bool = field(default=False, init=False)

    async def run(self, stop: asyncio.Event) -> None:
        in_flight: set[asyncio.Task[None]] = set()
        try:
            while not stop.is_set():
                for row in await self._take(self.concurrency - len(in_flight)):
                    task = asyncio.create_task(self._answer(row))
                    in_flight.add(task)
                    task.add_done_callback(in_flight.discard)
                if len(in_flight) == self.concurrency:
                    await asyncio.wait(in_flight, return_when=asyncio.FIRST_COMPLETED)
                else:
                    await self._wait(stop)
            if in_flight:
                await asyncio.wait(in_flight)
        finally:
            for task in in_flight:  # the grace is over: they come again
                task.cancel()

    async def _wait(self, stop: asyncio.Event) -> None:
        if self.listener is not None:
            await self.listener.wait(notify.POLL_SECONDS)
        else:
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), notify.POLL_SECONDS)

    async def _take(self, limit: int) -> Sequence[Row[Any]]:
        lease = timedelta(seconds=self.handler_timeout_seconds + MARGIN_SECONDS)
        try:
            rows = await self.database.fetch(self.take, {"limit": limit, "lease": lease})
        except DatabaseUnavailableError as error:
            log.warning("queue_unavailable", error=str(error))
            self.is_consuming = False
            return []
        if not self.is_consuming:
            log.info("consuming")
        self.is_consuming = True
        return sorted(rows, key=lambda row: row.sequence)

    async def _answer(self, row: Row[Any]) -> None:
        """Handle a message and store the outcome, however long it takes to reach Postgres."""
        structlog.contextvars.bind_contextvars(
            event_id=str(row.event_id),
            event_type=row.event_type,
            request_id=row.envelope.get("requestid"),
            attempt=row.attempts + 1,
        )
        statement, values = await self._outcome(row)
        while True:
            try:
                await self.database.fetch(statement, {"key": row.sequence, **values})
            except DatabaseUnavailableError as error:
                log.warning("event_not_answered", error=str(error))
                await asyncio.sleep(RETRY_SECONDS)
            else:
                return

    async def _outcome(self, row: Row[Any]) -> Outcome:
        if row.attempts > len(self.retry_delays):  # a suspect has used up its last attempt
            return _buried(row, row.attempts, "exhausted", UNANSWERED)
        try:
            async with asyncio.timeout(self.handler_timeout_seconds):
                await self.handle(orjson.dumps(row.envelope))
        except PermanentError as error:
            return _buried(row, row.attempts + 1, error.reason, error_text(error))
        except Exception as error:  # noqa: BLE001  whatever it was, the message is not lost
            return self._retried(row, error)
        return DELETE, {}

    def _retried(self, row: Row[Any], error: Exception) -> Outcome:
        """Have the message come again after the delay of its attempt, or bury it after the last.

        An attempt without a database does not count, for no message can be handled then.
        """
        attempt, delays = row.attempts + 1, self.retry_delays
        counts = type(error) is not DatabaseUnavailableError
        if counts and attempt > len(delays):
            return _buried(row, attempt, "exhausted", error_text(error))
        delay = delays[min(attempt, len(delays)) - 1]
        log.warning("event_failed", retry_in_seconds=delay, exc_info=error)
        values = _failed(row, row.attempts + counts, error_text(error))
        return PUT_OFF, {**values, "delay": timedelta(seconds=delay)}


def _buried(row: Row[Any], attempts: int, reason: str, error: str) -> Outcome:
    log.error("event_dead", reason=reason, error=error)
    return BURY, _failed(row, attempts, f"{reason}: {error}")


def _failed(row: Row[Any], attempts: int, error: str) -> dict[str, Any]:
    return {"taken_until": row.available_at, "failed": attempts, "error": error}
