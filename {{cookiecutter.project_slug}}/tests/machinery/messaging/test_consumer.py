"""Consumers: they handle each message, several at a time, until they are stopped."""

import asyncio

from tests.machinery.support.handlers import Handler, SlowHandler
from tests.machinery.support.messages import EVENT_TYPE, MessageQueue
from tests.support.waiting import eventually


async def test_a_handled_message_is_removed_from_the_queue(message_queue: MessageQueue) -> None:
    handle = Handler()
    async with message_queue.consuming(handle):
        event_id = await message_queue.send("one", request_id="the-request")
        await handle.called(1)
        await eventually(message_queue.is_empty)
    assert handle.data == ["one"]
    expected = {
        "event_id": event_id,
        "event_type": EVENT_TYPE,
        "request_id": "the-request",
        "attempt": 1,
    }
    assert handle.contexts[0].items() >= expected.items()
    assert await message_queue.is_empty()


async def test_a_consumer_handles_at_most_as_many_messages_at_once_as_its_concurrency(
    message_queue: MessageQueue,
) -> None:
    for number in range(5):
        await message_queue.send(str(number))
    handle = SlowHandler()
    async with message_queue.consuming(handle, concurrency=2):
        await handle.called(2)
        await asyncio.sleep(0.2)  # a third message would arrive
        assert len(handle.bodies) == 2
        handle.may_finish.set()
        await handle.called(5)
        await eventually(message_queue.is_empty)


async def test_two_consumers_share_the_messages_and_handle_each_one_once(
    message_queue: MessageQueue,
) -> None:
    handle = Handler()
    async with message_queue.consuming(handle), message_queue.consuming(handle):
        for number in range(30):
            await message_queue.send(str(number))
        await handle.called(30)
        await eventually(message_queue.is_empty)
    assert sorted(handle.data, key=int) == [str(number) for number in range(30)]


async def test_a_stopped_consumer_finishes_its_messages_and_leaves_the_others_in_the_queue(
    message_queue: MessageQueue,
) -> None:
    await message_queue.send("in progress")
    await message_queue.send("waiting")
    handle = SlowHandler()
    async with message_queue.consuming(handle, concurrency=1) as running:
        await handle.called(1)
        running.stop.set()
        await asyncio.sleep(0.2)  # a consumer that does not wait for its handlers would be done
        assert not running.task.done()
        handle.may_finish.set()
        await asyncio.wait_for(running.task, 20)
    assert handle.finished == handle.data == ["in progress"]
    after = Handler()
    async with message_queue.consuming(after):
        await after.called(1)
        await eventually(message_queue.is_empty)
    assert after.data == ["waiting"]
    assert after.attempts == [1]


async def test_a_consumer_reports_a_lost_server_and_continues_when_the_server_is_back(
    message_queue: MessageQueue,
) -> None:
    handle = Handler()
    async with message_queue.consuming(handle) as running:
        message_queue.proxy.refuse()
        await eventually(running.has_lost_its_server)
        await message_queue.send("sent while the server is away")
        message_queue.proxy.accept()
        await handle.called(1)
        await eventually(running.consumes)
        await eventually(message_queue.is_empty)
