"""Exchanges and queues that differ, are missing or belong to other services: the rest works on."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from uuid import uuid4

import orjson
import pytest
from aio_pika import DeliveryMode, ExchangeType, Message
from structlog.typing import EventDict

from src.repositories.postgres.engine import Database
from src.repositories.rabbitmq import declarer
from tests.machinery.rabbitmq.amqp import Queues
from tests.machinery.rabbitmq.conftest import Relaying
from tests.machinery.rabbitmq.queue import RabbitMQQueue
from tests.machinery.support.handlers import Handler
from tests.machinery.support.outbox import emptied, store
from tests.support.waiting import eventually

FOREIGN_EVENT = "order.placed.v1"
RESERVED = "amq.missing"
"""An exchange that does not exist, and that no user may declare."""


def is_logged(lines: list[EventDict], event: str) -> Callable[[], Awaitable[list[EventDict]]]:
    """Return a function that looks for the lines of an event."""

    async def look() -> list[EventDict]:
        return [line for line in lines if line["event"] == event]

    return look


def subscribe(message_queue: RabbitMQQueue, exchange: str) -> None:
    """Subscribe the next consumer to an event of another service."""
    topology = replace(message_queue.queues.topology, foreign=[(exchange, FOREIGN_EVENT)])
    message_queue.queues = replace(message_queue.queues, topology=topology)


async def publish(queues: Queues, exchange: str) -> None:
    """Publish an event of another service."""
    body = orjson.dumps({"id": str(uuid4()), "type": FOREIGN_EVENT, "data": "foreign"})
    message = Message(body, type=FOREIGN_EVENT, delivery_mode=DeliveryMode.PERSISTENT)
    target = await queues.channel.get_exchange(exchange, ensure=False)
    await target.publish(message, FOREIGN_EVENT)


async def test_queues_that_differ_are_used_as_they_are(
    message_queue: RabbitMQQueue, queues: Queues, log_lines: list[EventDict]
) -> None:
    names = {queues.topology.queue, queues.topology.dead_queue}
    for name in names:
        await queues.replace_by_a_former_one(name)
    handle = Handler(*(LookupError(f"attempt {number}") for number in range(3)))
    async with message_queue.consuming(handle):
        await message_queue.send("one")
        [letter] = await eventually(message_queue.dead_letters.read)
    assert handle.attempts == [1, 2, 3]
    assert letter.reason == "exhausted"
    lines = await is_logged(log_lines, "queue_differs")()
    assert {line["queue"] for line in lines} == names


async def test_a_queue_that_differs_is_one_error_that_names_the_queue_and_the_argument(
    message_queue: RabbitMQQueue, queues: Queues, log_lines: list[EventDict]
) -> None:
    await queues.replace_by_a_former_one(queues.topology.dead_queue)
    async with message_queue.consuming(Handler()) as running:
        for _ in range(2):
            message_queue.proxy.cut()
            await eventually(running.has_lost_its_server)
            await eventually(running.consumes)
    [line] = await is_logged(log_lines, "queue_differs")()
    assert line["log_level"] == "error"
    assert (line["queue"], line["argument"]) == (queues.topology.dead_queue, "x-delivery-limit")


@pytest.mark.usefixtures("empty_tables")
async def test_the_relay_publishes_to_an_exchange_that_differs(
    relaying: Relaying, database: Database, queues: Queues, log_lines: list[EventDict]
) -> None:
    name = queues.topology.exchange
    await queues.channel.exchange_delete(name)
    await queues.channel.declare_exchange(name, ExchangeType.FANOUT, durable=True)
    await queues.replace_by_a_former_one(queues.topology.queue)
    queue = await queues.channel.get_queue(queues.topology.queue)
    await queue.bind(name, "")
    await store(database)
    async with relaying():
        await emptied(database)
    assert await queues.count(queue.name) == 1
    [line] = await is_logged(log_lines, "exchange_differs")()
    assert (line["exchange"], line["argument"]) == (name, "type")


@pytest.mark.parametrize("existing", [None, ExchangeType.TOPIC, ExchangeType.FANOUT])
async def test_an_event_of_another_service_arrives_from_its_exchange(
    message_queue: RabbitMQQueue,
    queues: Queues,
    log_lines: list[EventDict],
    existing: ExchangeType | None,
) -> None:
    foreign = f"{queues.topology.name}-orders.events"
    if existing:
        await queues.channel.declare_exchange(foreign, existing, durable=True)
    subscribe(message_queue, foreign)
    handle = Handler()
    async with message_queue.consuming(handle):
        [line] = await eventually(is_logged(log_lines, "exchange_bound"))
        await publish(queues, foreign)
        await handle.called(1)
    await queues.channel.exchange_delete(foreign)
    assert handle.data == ["foreign"]
    assert (line["exchange"], line["event_type"]) == (foreign, FOREIGN_EVENT)


async def test_an_exchange_of_another_service_that_cannot_be_had_stops_nothing_else(
    message_queue: RabbitMQQueue, log_lines: list[EventDict], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(declarer, "LOOK_SECONDS", 0.02)
    subscribe(message_queue, RESERVED)
    handle = Handler(LookupError("fails once"))
    async with message_queue.consuming(handle):
        await eventually(is_logged(log_lines, "exchange_unavailable"))
        await message_queue.send("own")
        await handle.called(2)
        await eventually(message_queue.is_empty)
    assert handle.attempts == [1, 2]
    [line] = await is_logged(log_lines, "exchange_unavailable")()
    assert (line["log_level"], line["exchange"]) == ("error", RESERVED)
    assert await is_logged(log_lines, "broker_unavailable")() == []
