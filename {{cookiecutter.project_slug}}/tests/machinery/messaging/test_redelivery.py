"""Redelivered messages: a worker died or lost its server before it settled them."""

import asyncio

from tests.machinery.support.handlers import POISON, Handler, KilledHandler, SlowHandler
from tests.machinery.support.messages import MessageQueue
from tests.support.waiting import eventually

MAX_DEATHS = 6
"""Two for each of the three attempts: one in its first delivery, and one in its redelivery."""


async def test_redelivered_messages_are_handled_one_at_a_time(
    message_queue: MessageQueue,
) -> None:
    for number in range(3):
        await message_queue.send(str(number))
    await message_queue.deliver_to_dying_worker()
    handle = SlowHandler()
    async with message_queue.consuming(handle):
        await handle.called(1)
        await asyncio.sleep(0.2)  # a second message would arrive
        assert {*handle.data} == {"0"}
        handle.may_finish.set()
        await handle.called(3)
        await eventually(message_queue.is_empty)
    assert [*dict.fromkeys(handle.finished)] == ["0", "1", "2"]


async def test_new_messages_are_handled_while_a_redelivered_one_is_in_progress(
    message_queue: MessageQueue,
) -> None:
    await message_queue.send("redelivered")
    await message_queue.deliver_to_dying_worker()
    handle = SlowHandler()
    async with message_queue.consuming(handle):
        await handle.called(1)
        await message_queue.send("new")

        async def has_begun_the_new_message() -> bool:
            return "new" in handle.data

        await eventually(has_begun_the_new_message)
        assert handle.finished == []
        handle.may_finish.set()


async def test_a_stopped_consumer_leaves_redelivered_messages_that_it_has_not_begun(
    message_queue: MessageQueue,
) -> None:
    for number in range(3):
        await message_queue.send(str(number))
    await message_queue.deliver_to_dying_worker()
    handle = SlowHandler()
    async with message_queue.consuming(handle) as running:
        await handle.called(1)
        running.stop.set()
        handle.may_finish.set()
        await asyncio.wait_for(running.task, 20)
    assert {*handle.finished} == {"0"}
    after = Handler()
    async with message_queue.consuming(after):

        async def has_handled_the_others() -> bool:
            return {*after.data} >= {"1", "2"}

        await eventually(has_handled_the_others)


async def deaths_until_dead_letter(
    message_queue: MessageQueue, handle: KilledHandler, event_id: str
) -> int:
    """Start a consumer after each death until this event is a dead letter. Count the deaths."""

    async def is_dead_letter() -> bool:
        return event_id in {letter.event_id for letter in await message_queue.dead_letters.read()}

    async def is_killed_or_dead_letter() -> bool:
        return handle.is_killed or await is_dead_letter()

    deaths = 0
    while not await is_dead_letter():
        async with message_queue.consuming(handle) as running:
            await eventually(is_killed_or_dead_letter)
            if handle.is_killed:
                await message_queue.kill(running)
                handle.is_killed = False
                deaths += 1
        assert deaths <= MAX_DEATHS
    return deaths


async def test_a_poison_message_becomes_a_dead_letter_and_each_co_delivered_message_is_handled(
    message_queue: MessageQueue,
) -> None:
    ids = {data: await message_queue.send(data) for data in ("1", "2", POISON, "3", "4")}
    handle = KilledHandler()
    deaths = await deaths_until_dead_letter(message_queue, handle, ids[POISON])
    assert handle.data.count(POISON) == deaths

    async def are_handled() -> bool:
        return handle.finished == {"1", "2", "3", "4"}

    async with message_queue.consuming(handle):
        await eventually(are_handled)
