"""The consumer in Postgres: the outbox is the queue.

Taking a message postpones it until its handler's time is over, so that no other consumer takes it
in the meantime. Its row is deleted once it is handled.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import orjson
import structlog
from sqlalchemy import Executable, Row

from src.repositories.outbox import notify
from src.repositories.outbox.redelivery import RedeliveryGrace
from src.repositories.postgres.engine import Database
from src.repositories.postgres_queue.failures import Outcome, reject, retry, send_to_dead_letters
from src.repositories.postgres_queue.statements import DELETE, TAKE, TAKE_REDELIVERED, UNANSWERED
from src.usecases.errors import DatabaseUnavailableError
from src.usecases.ports.messaging import EventConsumer, MessageHandler, PermanentError
from src.utils.attempts import pause, retry_seconds

log = structlog.get_logger()

MARGIN_SECONDS = 10.0
"""How long storing the outcome may take after a handler's time is over."""
RETRY_SECONDS = 1.0


@dataclass(kw_only=True)
class PostgresConsumer(EventConsumer):
    """Passes the messages of the outbox to the handler, `concurrency` at a time.

    A message that was taken and is due again without an outcome is redelivered. It may be poison
    that kills its worker. So redelivered messages are handled one at a time, and taking one counts
    as an attempt: a death costs at most one of them an attempt, and the next worker handles the
    others. After a lost connection a redelivery is no death, and costs no attempt.
    """

    database: Database
    listener: notify.OutboxListener
    handle: MessageHandler
    retry_delays: Sequence[int]
    concurrency: int
    handler_timeout_seconds: float
    is_consuming: bool = field(default=False, init=False)
    _stop: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _grace: RedeliveryGrace = field(default_factory=RedeliveryGrace, init=False)

    async def run(self, stop: asyncio.Event) -> None:
        self._stop = stop

        async def notified() -> None:
            await self.listener.wait(notify.POLL_SECONDS)

        async def polled() -> None:
            await pause(stop, notify.POLL_SECONDS)

        async with asyncio.TaskGroup() as loops:
            loops.create_task(self._consume(stop, TAKE, self.concurrency, notified))
            loops.create_task(self._consume(stop, TAKE_REDELIVERED, 1, polled))

    async def _consume(
        self,
        stop: asyncio.Event,
        take: Executable,
        concurrency: int,
        pause: Callable[[], Awaitable[None]],
    ) -> None:
        in_flight: set[asyncio.Task[None]] = set()
        try:
            while not stop.is_set():
                for row in await self._take(take, concurrency - len(in_flight)):
                    task = asyncio.create_task(self._settle(row))
                    in_flight.add(task)
                    task.add_done_callback(in_flight.discard)
                if len(in_flight) == concurrency:
                    await asyncio.wait(in_flight, return_when=asyncio.FIRST_COMPLETED)
                else:
                    await pause()
            if in_flight:
                await asyncio.wait(in_flight)
        finally:
            for task in in_flight:  # the worker's grace is over: these messages are redelivered
                task.cancel()

    async def _take(self, take: Executable, limit: int) -> Sequence[Row[Any]]:
        lease = timedelta(seconds=self.handler_timeout_seconds + MARGIN_SECONDS)
        counted = int(take is TAKE_REDELIVERED and not self._grace.is_open())
        parameters = {"limit": limit, "lease": lease, "counted": counted}
        try:
            rows = await self.database.fetch(take, parameters)
        except DatabaseUnavailableError as error:
            self._grace.lost()
            self.is_consuming = False
            await pause(self._stop, retry_seconds(error, "queue_unavailable", 0))
            return []
        if not self.is_consuming:
            log.info("consuming")
        self.is_consuming = True
        self._grace.connected(2 * lease.total_seconds())
        return sorted(rows, key=lambda row: row.sequence)

    async def _settle(self, row: Row[Any]) -> None:
        """Handle a message and store the outcome, even if Postgres is unavailable at first."""
        structlog.contextvars.bind_contextvars(
            event_id=str(row.event_id),
            event_type=row.event_type,
            request_id=row.envelope.get("requestid"),
            attempt=row.attempts + 1,
        )
        statement, parameters = await self._outcome(row)
        while True:
            try:
                await self.database.fetch(statement, {"key": row.sequence, **parameters})
            except DatabaseUnavailableError as error:
                log.warning("outcome_not_stored", error=str(error))
                self._grace.lost()
                await asyncio.sleep(RETRY_SECONDS)
            else:
                return

    async def _outcome(self, row: Row[Any]) -> Outcome:
        if row.attempts > len(self.retry_delays):  # a redelivered message without an attempt left
            return send_to_dead_letters(row, row.attempts, "exhausted", UNANSWERED)
        try:
            async with asyncio.timeout(self.handler_timeout_seconds):
                await self.handle(orjson.dumps(row.envelope))
        except PermanentError as error:
            return reject(row, error, self.retry_delays)
        except Exception as error:  # noqa: BLE001  no error of a handler may lose the message
            return retry(row, error, self.retry_delays)
        return DELETE, {}
