"""Consuming from RabbitMQ: whatever breaks, a message is handled in the end."""

import asyncio

import pytest

from src.repositories.rabbitmq import consumer
from src.repositories.rabbitmq.connection import RabbitMQBroker
from tests.support.amqp import Queues
from tests.support.consuming import Consuming
from tests.support.handlers import Handler, SlowHandler
from tests.support.network import Proxy
from tests.support.waiting import eventually


async def test_a_handled_message_is_gone(consuming: Consuming, queues: Queues) -> None:
    handle = Handler()
    async with consuming(handle):
        event_id = await queues.send(b"the body", request_id="the-request")
        await handle.called(1)
    assert handle.bodies == [b"the body"]
    assert (
        handle.contexts[0].items()
        >= {
            "event_id": event_id,
            "event_type": "user.registered.v1",
            "request_id": "the-request",
            "attempt": 1,
        }.items()
    )
    assert await queues.count(queues.topology.queue) == 0


async def test_a_message_whose_handler_has_not_returned_comes_again_if_the_connection_is_lost(
    consuming: Consuming, queues: Queues, proxy: Proxy
) -> None:
    handle = SlowHandler()
    async with consuming(handle):
        await queues.send(b"one")
        await handle.called(1)
        proxy.cut()
        await handle.called(2)
        handle.may_finish.set()
    assert handle.bodies == [b"one", b"one"]
    assert await queues.count(queues.topology.queue) == 0


async def test_at_most_so_many_messages_are_handled_at_once(
    consuming: Consuming, queues: Queues
) -> None:
    handle = SlowHandler()
    async with consuming(handle, concurrency=2):
        for number in range(5):
            await queues.send(b"%d" % number)
        await handle.called(2)
        await asyncio.sleep(0.2)
        assert len(handle.bodies) == 2
        handle.may_finish.set()
        await handle.called(5)


async def test_a_stop_finishes_what_is_in_flight_and_leaves_the_rest_in_the_queue(
    consuming: Consuming, queues: Queues
) -> None:
    handle = SlowHandler()
    async with consuming(handle, concurrency=1) as running:
        await queues.send(b"in flight")
        await queues.send(b"waiting")
        await handle.called(1)
        running.stop.set()
        await asyncio.sleep(0.2)
        assert not running.task.done()
        handle.may_finish.set()
        await asyncio.wait_for(running.task, 2)
    assert handle.finished == 1
    assert (await queues.take(queues.topology.queue)).body == b"waiting"
    assert await queues.count(queues.topology.queue) == 0


async def test_a_stop_does_not_wait_for_a_broker_that_hangs(
    consuming: Consuming, queues: Queues, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer, "PUBLISH_TIMEOUT_SECONDS", 0.2)
    handle = SlowHandler()
    async with consuming(handle) as running:
        await queues.send(b"in flight")
        await handle.called(1)
        proxy.hang()
        running.stop.set()
        handle.may_finish.set()
        await asyncio.wait_for(running.task, 5)
    assert handle.finished == 1


async def test_a_stop_leaves_suspects_that_wait_for_their_turn_to_another_worker(
    consuming: Consuming, queues: Queues, broker: RabbitMQBroker
) -> None:
    for number in range(3):
        await queues.send(b"%d" % number)
    async with broker.channel("a worker that will die") as channel:
        queue = await channel.get_queue(queues.topology.queue)
        for _ in range(3):
            await queue.get()
    handle = SlowHandler()
    async with consuming(handle) as running:
        await handle.called(1)
        running.stop.set()
        handle.may_finish.set()
        await asyncio.wait_for(running.task, 5)
    assert handle.finished == 1

    async def left() -> bool:
        return await queues.count(queues.topology.queue) >= 2

    await eventually(left)


async def test_a_lost_connection_is_followed_by_another(
    consuming: Consuming, queues: Queues, proxy: Proxy
) -> None:
    handle = Handler()
    async with consuming(handle) as running:
        proxy.refuse()

        async def lost() -> bool:
            return not running.consumer.is_consuming

        await eventually(lost)
        await queues.send(b"sent meanwhile")
        proxy.accept()
        await handle.called(1)
        assert running.consumer.is_consuming


async def test_a_queue_deleted_under_the_consumer_is_made_again_and_consumed(
    consuming: Consuming, queues: Queues
) -> None:
    handle = Handler()

    async def handled_again() -> bool:
        await queues.channel.declare_queue(queues.topology.queue, passive=True)
        await queues.send(b"after")
        return bool(handle.bodies)

    async with consuming(handle) as running:
        await queues.channel.queue_delete(queues.topology.queue)

        async def lost() -> bool:
            return not running.consumer.is_consuming

        await eventually(lost)
        await eventually(running.consumes)
        await eventually(handled_again)
