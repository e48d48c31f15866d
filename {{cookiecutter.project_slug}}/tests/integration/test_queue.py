"""Postgres as the queue: whatever breaks, a message is handled in the end."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial

import orjson
import pytest
from sqlalchemy import Executable

from src.config import Settings
from src.repositories.db import consumer, notify
from src.repositories.db.consumer import OutboxConsumer
from src.repositories.db.engine import Database
from src.repositories.db.queue import TAKE, TAKE_SUSPECTS
from src.usecases.ports.messaging import MessageHandler
from tests.support.handlers import Handler, SlowHandler
from tests.support.network import Proxy
from tests.support.queued import gone, put, rows, take_and_die
from tests.support.waiting import eventually

pytestmark = pytest.mark.usefixtures("empty_tables")
Consuming = Callable[..., AbstractAsyncContextManager[asyncio.Event]]


def new_consumer(
    database: Database, handle: MessageHandler, *, concurrency: int = 1, take: Executable = TAKE
) -> OutboxConsumer:
    return OutboxConsumer(
        database,
        handle,
        retry_delays=(1, 2),
        concurrency=concurrency,
        handler_timeout_seconds=5,
        take=take,
    )


@pytest.fixture
def consuming(database: Database, monkeypatch: pytest.MonkeyPatch) -> Consuming:
    """Run a consumer and one of suspects; they stop when the context is left."""
    monkeypatch.setattr(notify, "POLL_SECONDS", 0.05)
    monkeypatch.setattr(consumer, "RETRY_SECONDS", 0.05)

    @asynccontextmanager
    async def run(
        handle: MessageHandler, *, concurrency: int = 10, via: Database = database
    ) -> AsyncIterator[asyncio.Event]:
        stop = asyncio.Event()
        new = partial(new_consumer, via, handle)
        many, one = new(concurrency=concurrency), new(concurrency=1, take=TAKE_SUSPECTS)
        tasks = [asyncio.create_task(job.run(stop)) for job in (many, one)]
        yield stop
        stop.set()
        await asyncio.wait_for(asyncio.gather(*tasks), 5)

    return run


def data(handle: Handler) -> list[str]:
    return [orjson.loads(body)["data"] for body in handle.bodies]


async def test_a_handled_message_is_gone(consuming: Consuming, database: Database) -> None:
    event_id = await put(database, "one")
    handle = Handler()
    async with consuming(handle):
        await gone(database)
    assert data(handle) == ["one"]
    expected = {
        "event_id": str(event_id),
        "event_type": "user.registered.v1",
        "request_id": "the-request",
        "attempt": 1,
    }
    assert handle.contexts[0].items() >= expected.items()


async def test_at_most_so_many_messages_are_handled_at_once(
    consuming: Consuming, database: Database
) -> None:
    for _ in range(5):
        await put(database)
    handle = SlowHandler()
    async with consuming(handle, concurrency=2):
        await handle.called(2)
        await asyncio.sleep(0.2)
        assert len(handle.bodies) == 2
        handle.may_finish.set()
        await handle.called(5)
        await gone(database)


async def test_a_stop_finishes_what_is_in_flight_and_leaves_the_rest_in_the_queue(
    consuming: Consuming, database: Database
) -> None:
    await put(database, "in flight")
    await put(database, "waiting")
    handle = SlowHandler()
    async with consuming(handle, concurrency=1) as stop:
        await handle.called(1)
        stop.set()
        await asyncio.sleep(0.2)
        handle.may_finish.set()
    assert (data(handle), handle.finished) == (["in flight"], 1)
    [row] = await rows(database)
    assert (row.envelope["data"], row.attempts, row.last_error) == ("waiting", 0, None)


async def test_two_consumers_never_take_the_same_message(
    consuming: Consuming, database: Database
) -> None:
    for number in range(30):
        await put(database, str(number))
    handle = Handler()
    async with consuming(handle), consuming(handle):
        await gone(database)
    assert sorted(data(handle), key=int) == [str(number) for number in range(30)]


async def test_messages_that_a_dead_worker_held_come_again_one_at_a_time(
    consuming: Consuming, database: Database
) -> None:
    for number in range(3):
        await put(database, str(number))
    assert len(await take_and_die(database)) == 3
    handle = SlowHandler()
    async with consuming(handle):
        await handle.called(1)
        await asyncio.sleep(0.2)
        assert data(handle) == ["0"]
        assert [row.attempts for row in await rows(database)] == [1, 0, 0]
        handle.may_finish.set()
        await gone(database)
    assert data(handle) == ["0", "1", "2"]
    assert [context["attempt"] for context in handle.contexts] == [2, 2, 2]


async def test_the_outcome_is_stored_when_a_lost_database_is_back(
    settings: Settings, consuming: Consuming, database: Database
) -> None:
    await put(database)
    handle = SlowHandler()
    async with Proxy(settings.postgres.host, settings.postgres.port).running() as proxy:
        url = settings.postgres.url.set(host="127.0.0.1", port=proxy.port)
        through_proxy = Database(url, pool_size=5, application_name="test")
        async with consuming(handle, via=through_proxy):
            await handle.called(1)
            proxy.refuse()
            handle.may_finish.set()
            await asyncio.sleep(0.3)
            assert len(await rows(database)) == 1
            proxy.accept()
            await gone(database)
        await through_proxy.aclose()
    assert len(handle.bodies) == 1


async def test_a_consumer_says_whether_messages_can_arrive(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notify, "POLL_SECONDS", 0.05)
    async with Proxy(settings.postgres.host, settings.postgres.port).running() as proxy:
        url = settings.postgres.url.set(host="127.0.0.1", port=proxy.port)
        database = Database(url, pool_size=2, application_name="test")

        consumer, stop = new_consumer(database, Handler()), asyncio.Event()

        async def consumes() -> bool:
            return consumer.is_consuming

        async def does_not() -> bool:
            return not consumer.is_consuming

        task = asyncio.create_task(consumer.run(stop))
        await eventually(consumes)
        proxy.refuse()
        await eventually(does_not)
        proxy.accept()
        await eventually(consumes)
        stop.set()
        await asyncio.wait_for(task, 5)
        await database.aclose()
