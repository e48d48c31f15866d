"""Failing messages: they are retried later, and become dead letters in the end."""

from datetime import UTC, datetime, timedelta

import pytest

from src.usecases.errors import DatabaseBusyError, DatabaseUnavailableError
from src.usecases.ports.messaging import DeadLetter, PermanentError
from tests.machinery.support.handlers import Handler, SlowHandler
from tests.machinery.support.messages import EVENT_TYPE, MessageQueue
from tests.support.waiting import eventually


async def only_dead_letter(message_queue: MessageQueue) -> DeadLetter:
    """Wait for a dead letter, and return it."""
    [letter] = await eventually(message_queue.dead_letters.read)
    return letter


async def test_a_failed_message_is_handled_again_as_the_second_attempt(
    message_queue: MessageQueue,
) -> None:
    handle = Handler(LookupError("not yet"))
    async with message_queue.consuming(handle):
        event_id = await message_queue.send("one", request_id="the-request")
        await handle.called(2)
        await eventually(message_queue.is_empty)
    assert handle.data == ["one", "one"]
    assert handle.attempts == [1, 2]
    assert [context["event_id"] for context in handle.contexts] == [event_id] * 2
    assert [context["request_id"] for context in handle.contexts] == ["the-request"] * 2
    assert await message_queue.dead_letters.read() == []


async def test_a_message_that_fails_at_every_attempt_becomes_a_dead_letter(
    message_queue: MessageQueue,
) -> None:
    handle = Handler(*(LookupError(f"attempt {number}") for number in (1, 2, 3)))
    async with message_queue.consuming(handle):
        event_id = await message_queue.send("one")
        letter = await only_dead_letter(message_queue)
    assert handle.data == ["one"] * 3
    assert handle.attempts == [1, 2, 3]
    assert (letter.event_id, letter.event_type) == (event_id, EVENT_TYPE)
    assert (letter.reason, letter.error) == ("exhausted", "LookupError: attempt 3")
    assert letter.attempts == 3
    age = datetime.now(UTC) - datetime.fromisoformat(letter.first_seen)
    assert abs(age) < timedelta(hours=1)  # the database has a clock of its own


async def test_a_message_whose_error_is_permanent_becomes_a_dead_letter_at_once(
    message_queue: MessageQueue,
) -> None:
    handle = Handler(PermanentError("refused", "Nothing \0 handles this."))
    async with message_queue.consuming(handle):
        await message_queue.send("one")
        letter = await only_dead_letter(message_queue)
    assert handle.data == ["one"]
    assert (letter.reason, letter.attempts) == ("refused", 1)
    assert letter.error == "PermanentError: Nothing \\0 handles this."


async def test_the_error_of_a_dead_letter_is_truncated(message_queue: MessageQueue) -> None:
    async with message_queue.consuming(Handler(PermanentError("undecodable", "x" * 600))):
        await message_queue.send("one")
        letter = await only_dead_letter(message_queue)
    assert letter.error == "PermanentError: ".ljust(500, "x")


async def test_a_handler_that_exceeds_its_timeout_has_failed(message_queue: MessageQueue) -> None:
    handle = SlowHandler()
    async with message_queue.consuming(handle, handler_timeout_seconds=0.1):
        await message_queue.send("one")
        await handle.called(2)
        handle.may_finish.set()
    assert handle.attempts[:2] == [1, 2]


@pytest.mark.parametrize(
    ("error", "attempts"),
    [
        pytest.param(DatabaseUnavailableError("no answer"), [1, 1], id="unavailable"),
        pytest.param(DatabaseBusyError("the statement took too long"), [1, 2], id="busy"),
    ],
)
async def test_an_attempt_counts_if_the_database_was_busy_and_not_if_it_was_unavailable(
    message_queue: MessageQueue, error: Exception, attempts: list[int]
) -> None:
    handle = Handler(error)
    async with message_queue.consuming(handle):
        await message_queue.send("one")
        await handle.called(2)
    assert handle.attempts == attempts
