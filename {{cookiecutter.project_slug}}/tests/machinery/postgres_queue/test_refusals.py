"""A Postgres that refuses the worker: one line, and 30 seconds between two attempts."""

import asyncio

import pytest
from structlog.testing import capture_logs

from src.config import PostgresSettings
from src.repositories.outbox.notify import OutboxListener
from src.repositories.postgres.engine import Database
from src.repositories.postgres_queue import consumer
from src.repositories.postgres_queue.consumer import PostgresConsumer
from src.usecases.errors import REFUSED_SECONDS
from src.utils import attempts
from src.utils.settings import Settings
from tests.machinery.support.handlers import Handler
from tests.support.waiting import eventually


async def test_a_refused_consumer_logs_one_line_and_stops_at_once(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    postgres = settings[PostgresSettings]
    url = postgres.url.set(database=f"{postgres.db}_missing")
    database = Database(url=url, pool_size=2, application_name="test")
    running = PostgresConsumer(
        database=database,
        listener=OutboxListener(database),
        handle=Handler(),
        retry_delays=(1,),
        concurrency=1,
        handler_timeout_seconds=30,
    )
    pauses: list[float] = []
    pause = attempts.pause

    async def note(stop: asyncio.Event, seconds: float) -> None:
        pauses.append(seconds)
        await pause(stop, seconds)

    monkeypatch.setattr(consumer, "pause", note)
    stop = asyncio.Event()

    async def do_both_loops_wait() -> bool:
        return len(pauses) == 2

    with capture_logs() as lines:
        task = asyncio.create_task(running.run(stop))
        await eventually(do_both_loops_wait)
        stop.set()
        async with asyncio.timeout(REFUSED_SECONDS - 5):
            await task
    await database.aclose()
    assert pauses[:2] == [REFUSED_SECONDS, REFUSED_SECONDS]
    [line] = lines
    assert (line["event"], line["log_level"]) == ("postgres_refused", "error")
    assert "POSTGRES_DB" in line["error"]
