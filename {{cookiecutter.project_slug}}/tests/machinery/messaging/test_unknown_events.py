"""Events of types that no consumer knows yet: they wait for a newer version, for a day."""

import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict

from src.repositories.outbox import unknown
from src.repositories.outbox.unknown import MAX_WAIT_SECONDS
from src.usecases.ports.messaging import UnknownEventError
from tests.machinery.support.handlers import Handler
from tests.machinery.support.messages import MessageQueue
from tests.support.waiting import eventually

LONGEST_DELAY = 2
LAST_WAIT = MAX_WAIT_SECONDS // LONGEST_DELAY


@pytest.fixture(autouse=True)
def report(monkeypatch: pytest.MonkeyPatch) -> unknown.Report:
    """A report that has logged nothing yet."""
    report = unknown.Report()
    monkeypatch.setattr(unknown, "report", report)
    return report


def not_yet() -> UnknownEventError:
    return UnknownEventError("unknown", "No consumer handles it.")


def warnings(lines: list[EventDict]) -> list[EventDict]:
    return [line for line in lines if line["event"] == "unknown_events"]


async def reported(report: unknown.Report, events: int) -> None:
    """Return when this many events have been reported."""

    async def are_reported() -> bool:
        return report.seen >= events

    await eventually(are_reported)


async def test_an_event_of_an_unknown_type_waits_without_using_up_an_attempt(
    message_queue: MessageQueue,
) -> None:
    handle = Handler(LookupError("fails once"), *(not_yet() for _ in range(4)))
    async with message_queue.consuming(handle):
        event_id = await message_queue.send("one", request_id="the-request")
        await handle.called(6)
        await eventually(message_queue.is_empty)
    assert handle.attempts == [1, 2, 2, 2, 2, 2]
    assert {context["event_id"] for context in handle.contexts} == {event_id}
    assert {context["request_id"] for context in handle.contexts} == {"the-request"}
    assert await message_queue.dead_letters.read() == []


async def test_an_event_of_an_unknown_type_becomes_a_dead_letter_after_a_day(
    message_queue: MessageQueue,
) -> None:
    handle = Handler(not_yet(), not_yet())
    async with message_queue.consuming(handle):
        event_id = await message_queue.send_waiting(LAST_WAIT - 1)
        await handle.called(1)
        assert await message_queue.dead_letters.read() == []
        [letter] = await eventually(message_queue.dead_letters.read)
    assert handle.attempts == [1, 1]
    assert (letter.event_id, letter.reason, letter.attempts) == (event_id, "unknown", 1)
    assert letter.error == "UnknownEventError: No consumer handles it."


async def test_a_redriven_event_of_an_unknown_type_waits_for_another_day(
    message_queue: MessageQueue,
) -> None:
    handle = Handler(not_yet(), not_yet())
    async with message_queue.consuming(handle):
        await message_queue.send_waiting(LAST_WAIT)
        await eventually(message_queue.dead_letters.read)
        assert await message_queue.dead_letters.redrive(lambda _: True) == 1
        await handle.called(3)
        await eventually(message_queue.is_empty)
    assert await message_queue.dead_letters.read() == []


async def test_waiting_events_are_logged_in_one_warning_a_minute(
    message_queue: MessageQueue, report: unknown.Report
) -> None:
    handle = Handler(*(not_yet() for _ in range(20)))
    with capture_logs() as lines:
        async with message_queue.consuming(handle):
            for number in range(20):
                await message_queue.send(str(number))
            await reported(report, 20)
            [line] = warnings(lines)
            assert (line["log_level"], line["count"]) == ("warning", 1)
            assert line["latest"] == "No consumer handles it."
            assert "event_failed" not in {line["event"] for line in lines}
            report.next_at = 0  # the minute is over
            handle.fail(not_yet())
            await reported(report, 21)
            await eventually(message_queue.is_empty)
    assert [line["count"] for line in warnings(lines)] == [1, 20]
