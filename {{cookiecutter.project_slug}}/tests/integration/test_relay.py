"""The relay: what left the outbox was taken by the broker; what was not taken is still there."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest
import structlog
from aio_pika import DeliveryMode
from sqlalchemy import insert, select
from structlog.testing import capture_logs
from structlog.typing import EventDict

from src.domain.user import User
from src.repositories.db import notify
from src.repositories.db.engine import Database
from src.repositories.db.events import to_row
from src.repositories.db.models import OutboxRow
from src.repositories.db.notify import OutboxListener
from src.repositories.db.outbox import DBOutbox
from src.repositories.rabbitmq import connection, relay
from src.repositories.rabbitmq.connection import RabbitMQBroker
from src.repositories.rabbitmq.relay import OutboxRelay
from src.repositories.rabbitmq.topology import Topology
from tests.support.amqp import Queues
from tests.support.network import Proxy
from tests.support.users import new_user
from tests.support.waiting import eventually

pytestmark = pytest.mark.usefixtures("empty_tables")

Relaying = Callable[[], AbstractAsyncContextManager[OutboxListener]]


@pytest.fixture
def relaying(
    database: Database, broker: RabbitMQBroker, topology: Topology, proxy: Proxy
) -> Relaying:
    """Run a relay whose connection can be broken; it stops when the context is left."""

    @asynccontextmanager
    async def run() -> AsyncIterator[OutboxListener]:
        listener, stop = OutboxListener(database), asyncio.Event()
        proxied = replace(broker, host="127.0.0.1", port=proxy.port)
        running = OutboxRelay(DBOutbox(database), listener, proxied, topology).run(stop)
        task = asyncio.create_task(running)
        try:
            yield listener
        finally:
            stop.set()
            listener.wake()
            await asyncio.wait_for(task, 10)
            await listener.aclose()

    return run


@pytest.fixture
def log_lines() -> Iterator[list[EventDict]]:
    """Keep what is logged, in place of writing it."""
    with capture_logs() as lines:
        yield lines


async def store(database: Database, events: int = 1) -> list[User]:
    """Store the events of so many new users, in one transaction; nobody is notified."""
    users = [new_user() for _ in range(events)]
    transaction = database.transaction()
    stored = [to_row(event, "tests") for user in users for event in user.events]
    await transaction.execute(insert(OutboxRow), stored)
    await transaction.commit()
    await transaction.aclose()
    return users


async def rows(database: Database) -> list[Any]:
    """Return what is in the outbox."""
    return list(await database.fetch(select(OutboxRow.__table__).order_by(OutboxRow.sequence)))


async def emptied(database: Database, seconds: float = 5) -> None:
    """Return when nothing is in the outbox any more."""

    async def is_empty() -> bool:
        return not await rows(database)

    await eventually(is_empty, seconds)


async def failed(database: Database) -> Any:
    """Return the row of an event as soon as an attempt to publish it has failed."""

    async def has_failed() -> list[Any]:
        return [row for row in await rows(database) if row.attempts]

    return (await eventually(has_failed))[0]


async def connected(proxy: Proxy, times: int) -> None:
    """Return when so many connections have been opened."""

    async def often_enough() -> bool:
        return proxy.connections >= times

    await eventually(often_enough)


async def test_a_published_event_arrives_as_a_persistent_cloud_event_and_is_told_of(
    relaying: Relaying, database: Database, queues: Queues, log_lines: list[EventDict]
) -> None:
    with structlog.contextvars.bound_contextvars(request_id="the-request"):
        await store(database)
    [row] = await rows(database)
    async with relaying():
        message = await queues.take(queues.topology.queue)
        await emptied(database)
    assert orjson.loads(message.body) == row.envelope
    assert message.message_id == str(row.event_id) == row.envelope["id"]
    assert message.type == message.routing_key == "user.registered.v1"
    assert message.correlation_id == "the-request"
    assert message.content_type == "application/cloudevents+json"
    assert message.delivery_mode == DeliveryMode.PERSISTENT
    [line] = [line for line in log_lines if line["event"] == "event_published"]
    assert (line["event_id"], line["request_id"]) == (message.message_id, "the-request")
    assert (line["event_type"], line["attempt"]) == ("user.registered.v1", 1)
    assert line["log_level"] == "info"


async def test_it_makes_the_queues_so_that_no_event_is_lost_before_a_worker_starts(
    relaying: Relaying, database: Database, queues: Queues
) -> None:
    await queues.channel.queue_delete(queues.topology.queue)
    await queues.channel.exchange_delete(queues.topology.exchange)
    await store(database)
    async with relaying():
        await emptied(database)
    assert await queues.count(queues.topology.queue) == 1


async def test_an_event_that_no_queue_takes_stays_with_its_error_and_spoils_no_other(
    relaying: Relaying, database: Database, queues: Queues, proxy: Proxy
) -> None:
    nobody = {"event_id": uuid4(), "event_type": "nobody.listens.v1", "envelope": {}}
    await database.fetch(insert(OutboxRow).returning(OutboxRow.sequence), nobody)
    await store(database, 2)
    async with relaying():
        row = await failed(database)
        assert row.event_type == "nobody.listens.v1"
        assert "nobody.listens.v1" in row.last_error
        assert len(await rows(database)) == 1
        await store(database)
    assert proxy.connections == 1
    assert await queues.count(queues.topology.queue) >= 2


async def test_an_event_whose_queue_was_deleted_stays_until_the_queue_is_there_again(
    relaying: Relaying, database: Database, queues: Queues
) -> None:
    async with relaying():
        await store(database)
        await emptied(database)
        await queues.channel.queue_delete(queues.topology.queue)
        await store(database)
        await failed(database)
        await queues.topology.declare(queues.channel)
        await emptied(database)
    assert await queues.count(queues.topology.queue) == 1


async def test_a_connection_lost_while_idle_costs_no_attempt(
    relaying: Relaying, database: Database, queues: Queues, proxy: Proxy, log_lines: list[EventDict]
) -> None:
    async with relaying():
        await store(database)
        await emptied(database)
        proxy.cut()
        await asyncio.sleep(0.1)
        await store(database)
        await emptied(database)
    assert await queues.count(queues.topology.queue) == 2
    assert "event_not_published" not in [line["event"] for line in log_lines]
    assert proxy.connections == 2


async def test_a_broker_that_hangs_holds_up_one_batch_and_the_next_has_a_fresh_channel(
    relaying: Relaying, database: Database, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "PUBLISH_TIMEOUT_SECONDS", 0.3)
    monkeypatch.setattr(connection, "CLOSE_TIMEOUT_SECONDS", 0.1)
    async with relaying():
        await store(database)
        await emptied(database)
        proxy.hang()
        started = time.monotonic()
        await store(database, 10)
        row = await failed(database)
        assert (row.attempts, row.last_error.partition(":")[0]) == (1, "TimeoutError")
        assert {row.attempts for row in await rows(database)} == {1}
        await connected(proxy, 2)
        assert time.monotonic() - started < 3
        proxy.refuse()  # closing would wait for it


async def test_a_broker_that_is_away_leaves_the_outbox_as_it_is_until_it_is_back(
    relaying: Relaying, database: Database, queues: Queues, proxy: Proxy
) -> None:
    proxy.refuse()
    await store(database)
    async with relaying():
        await connected(proxy, 1)
        [row] = await rows(database)
        assert (row.attempts, row.last_error) == (0, None)
        proxy.accept()
        await emptied(database)
    assert await queues.count(queues.topology.queue) == 1


async def test_a_broker_that_is_away_is_not_tried_again_for_every_notification(
    relaying: Relaying, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notify, "POLL_SECONDS", 3600)
    proxy.refuse()
    async with relaying() as listener:
        await connected(proxy, 1)
        for _ in range(20):
            listener.wake()
            await asyncio.sleep(0.01)
    assert proxy.connections == 1


async def test_every_notification_has_the_outbox_looked_at(
    relaying: Relaying, database: Database, queues: Queues, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notify, "POLL_SECONDS", 3600)
    async with relaying() as listener:
        for _ in range(3):
            await store(database)
            listener.wake()
            await emptied(database)
    assert await queues.count(queues.topology.queue) == 3


async def test_what_is_committed_while_a_batch_is_under_way_is_relayed_next(
    relaying: Relaying, database: Database, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with relaying() as listener:
        await store(database)
        await emptied(database)
        monkeypatch.setattr(notify, "POLL_SECONDS", 3600)
        listener.wake()
        proxy.hang()
        await store(database)
        listener.wake()
        await asyncio.sleep(0.2)  # it is waiting for a confirm
        await store(database)
        listener.wake()
        await asyncio.sleep(0.2)
        proxy.flow()
        await emptied(database)


async def test_a_long_outbox_is_relayed_in_batches_oldest_first(
    relaying: Relaying, database: Database, queues: Queues, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "BATCH_SIZE", 2)
    monkeypatch.setattr(notify, "POLL_SECONDS", 3600)
    users = await store(database, 5)
    async with relaying():
        await emptied(database)
    messages = [await queues.take(queues.topology.queue) for _ in users]
    subjects = [UUID(orjson.loads(message.body)["subject"]) for message in messages]
    assert subjects == [user.id for user in users]
