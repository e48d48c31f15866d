"""The consumer on RabbitMQ when its connection, its queue or its broker fails."""

import asyncio

import pytest

from src.repositories.rabbitmq import consumer
from tests.machinery.rabbitmq.amqp import Queues
from tests.machinery.rabbitmq.queue import RabbitMQQueue
from tests.machinery.support.handlers import Handler, SlowHandler
from tests.support.waiting import eventually


async def test_a_message_in_progress_is_redelivered_when_the_connection_is_lost(
    message_queue: RabbitMQQueue, queues: Queues
) -> None:
    handle = SlowHandler()
    async with message_queue.consuming(handle):
        await message_queue.send("one")
        await handle.called(1)
        message_queue.proxy.cut()
        await handle.called(2)
        handle.may_finish.set()
        await eventually(message_queue.is_empty)
    assert {*handle.data} == {"one"}
    assert await queues.count(queues.topology.queue) == 0


async def test_a_message_redelivered_after_its_last_attempt_becomes_a_dead_letter_unhandled(
    message_queue: RabbitMQQueue, queues: Queues
) -> None:
    await queues.send(headers={"x-attempt": 3})
    await message_queue.deliver_to_dying_worker()
    handle = Handler()
    async with message_queue.consuming(handle):
        [letter] = await eventually(message_queue.dead_letters.read)
    assert handle.data == []
    assert (letter.reason, letter.attempts) == ("exhausted", 3)
    assert letter.error.startswith("UnansweredError")


async def test_a_redelivered_message_whose_handler_fails_is_handled_again_as_its_next_attempt(
    message_queue: RabbitMQQueue,
) -> None:
    await message_queue.send("one")
    await message_queue.deliver_to_dying_worker()
    handle = Handler(LookupError("not yet"))
    async with message_queue.consuming(handle):
        await handle.called(2)
        await eventually(message_queue.is_empty)
    assert handle.attempts == [1, 2]


async def test_stopping_does_not_wait_for_a_broker_that_hangs(
    message_queue: RabbitMQQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer, "PUBLISH_TIMEOUT_SECONDS", 0.2)
    handle = SlowHandler()
    async with message_queue.consuming(handle) as running:
        await message_queue.send("in progress")
        await handle.called(1)
        message_queue.proxy.hang()
        running.stop.set()
        handle.may_finish.set()
        await asyncio.wait_for(running.task, 20)
    assert handle.finished == ["in progress"]


async def test_a_deleted_queue_is_declared_and_consumed_again(
    message_queue: RabbitMQQueue, queues: Queues
) -> None:
    handle = Handler()

    async def handled_again() -> bool:
        await queues.channel.declare_queue(queues.topology.queue, passive=True)
        await message_queue.send("after")
        return bool(handle.bodies)

    async with message_queue.consuming(handle) as running:
        await queues.channel.queue_delete(queues.topology.queue)
        await eventually(running.has_lost_its_server)
        await eventually(running.consumes)
        await eventually(handled_again)
