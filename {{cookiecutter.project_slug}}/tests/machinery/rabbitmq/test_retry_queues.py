"""The retry queues, with delays that no test outlasts."""

from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import uuid4

import orjson
import pytest

from src.repositories.rabbitmq.connection import RabbitMQBroker
from src.repositories.rabbitmq.topology import Topology
from src.usecases.ports.messaging import UnknownEventError
from tests.machinery.rabbitmq.amqp import Queues, declared
from tests.machinery.rabbitmq.queue import RabbitMQQueue
from tests.machinery.support.handlers import Handler, SlowHandler

FIRST = 3600
SECOND = 7200


@pytest.fixture
async def topology(run_topology: Topology, broker: RabbitMQBroker) -> AsyncIterator[Topology]:
    """An exchange and queues of one test, with these delays."""
    name = f"{run_topology.name}-{uuid4().hex[:6]}"
    topology = replace(run_topology, name=name, retry_delays=(FIRST, SECOND))
    async with declared(broker, topology):
        yield topology


async def test_a_failed_message_waits_in_the_retry_queue_of_its_attempt(
    message_queue: RabbitMQQueue, queues: Queues
) -> None:
    handle = Handler(LookupError("not yet"), LookupError("not yet"))
    async with message_queue.consuming(handle):
        event_id = await message_queue.send("one", request_id="the-request")
        first = await queues.take(queues.topology.retry_queue(FIRST))
        await queues.send(event_id=event_id, headers=first.headers)
        second = await queues.take(queues.topology.retry_queue(SECOND))
    assert orjson.loads(first.body)["data"] == "one"
    assert (first.message_id, first.correlation_id) == (event_id, "the-request")
    assert (first.headers["x-attempt"], second.headers["x-attempt"]) == (2, 3)
    assert second.headers["x-first-seen"] == first.headers["x-first-seen"]
    assert handle.attempts == [1, 2]


async def test_an_event_of_an_unknown_type_waits_in_the_longest_retry_queue(
    message_queue: RabbitMQQueue, queues: Queues
) -> None:
    errors = [UnknownEventError("unknown", "not yet") for _ in range(2)]
    async with message_queue.consuming(Handler(*errors)):
        event_id = await message_queue.send("one", request_id="the-request")
        first = await queues.take(queues.topology.retry_queue(SECOND))
        await queues.send(event_id=event_id, headers=first.headers)
        second = await queues.take(queues.topology.retry_queue(SECOND))
    assert (first.message_id, first.correlation_id) == (event_id, "the-request")
    assert [it.headers["x-attempt"] for it in (first, second)] == [1, 1]
    assert [it.headers["x-waits"] for it in (first, second)] == [1, 2]


async def test_a_redelivered_message_waits_as_its_next_attempt_while_it_is_handled(
    message_queue: RabbitMQQueue, queues: Queues
) -> None:
    event_id = await message_queue.send("one")
    await message_queue.deliver_to_dying_worker()
    handle = SlowHandler()
    async with message_queue.consuming(handle):
        await handle.called(1)
        waiting = await queues.take(queues.topology.retry_queue(FIRST))
        handle.may_finish.set()
    assert (waiting.message_id, waiting.headers["x-attempt"]) == (event_id, 2)
    assert handle.attempts == [1]
