"""The relay: an event leaves the outbox once the broker has stored it, and not before."""

import asyncio

import orjson
import pytest
from aio_pika import DeliveryMode, ExchangeType
from structlog.typing import EventDict

from src.repositories.outbox import notify
from src.repositories.postgres.engine import Database
from src.repositories.rabbitmq import relay
from tests.machinery.rabbitmq.amqp import Queues
from tests.machinery.rabbitmq.conftest import UNROUTED, Relaying, failed
from tests.machinery.support.messages import EVENT_TYPE
from tests.machinery.support.outbox import emptied, rows, store
from tests.support.network import Proxy

pytestmark = pytest.mark.usefixtures("empty_tables")


async def test_a_published_event_arrives_as_a_persistent_cloud_event(
    relaying: Relaying, database: Database, queues: Queues
) -> None:
    [event_id] = await store(database, data="one", request_id="the-request")
    [row] = await rows(database)
    async with relaying():
        message = await queues.take(queues.topology.queue)
        await emptied(database)
    assert orjson.loads(message.body) == row.envelope
    assert message.message_id == str(event_id)
    assert message.type == message.routing_key == EVENT_TYPE
    assert message.correlation_id == "the-request"
    assert message.content_type == "application/cloudevents+json"
    assert message.delivery_mode == DeliveryMode.PERSISTENT


async def test_a_batch_is_logged_in_one_line_and_each_failed_event_in_a_line_of_its_own(
    relaying: Relaying, database: Database, log_lines: list[EventDict]
) -> None:
    await store(database, 3)
    [unrouted] = await store(database, event_type=UNROUTED, request_id="the-request")
    async with relaying():
        await failed(database)
    published = [line for line in log_lines if line["event"] == "events_published"]
    assert published == [{"event": "events_published", "log_level": "info", "count": 3}]
    line = next(line for line in log_lines if line["event"] == "event_not_published")
    assert line["log_level"] == "warning"
    assert (line["event_id"], line["event_type"]) == (str(unrouted), UNROUTED)
    assert (line["request_id"], line["attempt"]) == ("the-request", 1)
    assert UNROUTED in line["error"]


async def test_an_event_that_is_older_than_all_queues_reaches_the_workers_queue(
    relaying: Relaying, database: Database, queues: Queues
) -> None:
    """Also if another service has bound a queue: with that one alone the broker would confirm."""
    await queues.delete()
    exchange = await queues.channel.declare_exchange(
        queues.topology.exchange, ExchangeType.TOPIC, durable=True
    )
    name = f"{queues.topology.name}.foreign"
    foreign = await queues.channel.declare_queue(name, exclusive=True)
    await foreign.bind(exchange, "#")
    await store(database)
    async with relaying():
        await emptied(database)
    await queues.take(queues.topology.queue)
    assert await foreign.get() is not None


async def test_an_event_without_a_queue_stays_with_its_error_and_delays_no_other(
    relaying: Relaying, database: Database, queues: Queues, proxy: Proxy
) -> None:
    await store(database, event_type=UNROUTED)
    await store(database, 2)
    async with relaying():
        row = await failed(database)
        assert row.event_type == UNROUTED
        assert UNROUTED in row.last_error
        assert len(await rows(database)) == 1
        await store(database)
        for _ in range(3):
            await queues.take(queues.topology.queue)
    assert proxy.connections == 1


async def test_an_event_whose_queue_was_deleted_stays_until_the_queue_exists_again(
    relaying: Relaying, database: Database, queues: Queues
) -> None:
    async with relaying():
        await store(database)
        await emptied(database)
        await queues.channel.queue_delete(queues.topology.queue)
        await store(database)
        await failed(database)
        await queues.declare()
        await emptied(database)
    assert await queues.count(queues.topology.queue) == 1


async def test_each_notification_makes_the_relay_read_the_outbox(
    relaying: Relaying, database: Database, queues: Queues, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notify, "POLL_SECONDS", 3600)
    async with relaying() as listener:
        for _ in range(3):
            await store(database)
            listener.wake()
            await emptied(database)
    assert await queues.count(queues.topology.queue) == 3


async def test_an_event_committed_while_a_batch_is_published_is_in_the_next_batch(
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
        await asyncio.sleep(0.2)  # the relay waits for a confirm
        await store(database)
        listener.wake()
        await asyncio.sleep(0.2)
        proxy.flow()
        await emptied(database)


async def test_a_long_outbox_is_published_in_batches_with_the_oldest_events_first(
    relaying: Relaying, database: Database, queues: Queues, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "BATCH_SIZE", 2)
    monkeypatch.setattr(notify, "POLL_SECONDS", 3600)
    stored = await store(database, 5)
    async with relaying():
        await emptied(database)
    messages = [await queues.take(queues.topology.queue) for _ in stored]
    assert [message.message_id for message in messages] == [str(event_id) for event_id in stored]
