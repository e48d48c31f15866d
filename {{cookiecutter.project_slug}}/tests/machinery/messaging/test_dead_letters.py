"""Dead letters: operators can list them, give them to the worker again, and delete them."""

import io
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from src import manage
from src.config import PostgresSettings
from src.usecases.ports.messaging import DeadLetter
from src.utils.settings import Settings
from tests.machinery.support.handlers import Handler
from tests.machinery.support.messages import EVENT_TYPE, MessageQueue
from tests.support.waiting import eventually


@pytest.fixture(autouse=True)
def database_of_the_run(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the operators' commands use the database of this run."""
    monkeypatch.setenv("POSTGRES_DB", settings[PostgresSettings].db)


def new_letter(**fields: Any) -> DeadLetter:
    letter = DeadLetter(
        event_id=str(uuid4()),
        event_type=EVENT_TYPE,
        reason="exhausted",
        error="LookupError: not: there",
        attempts=3,
        first_seen="2026-01-02T03:04:05+00:00",
    )
    return replace(letter, **fields)


def everything(_: DeadLetter) -> bool:
    return True


async def test_reading_dead_letters_describes_them_and_leaves_them_in_place(
    message_queue: MessageQueue,
) -> None:
    await message_queue.send("not dead")
    letter = new_letter()
    await message_queue.add_dead_letter(letter)
    assert await message_queue.dead_letters.read() == [letter]
    assert await message_queue.dead_letters.read() == [letter]


async def test_a_dead_letter_is_not_delivered(message_queue: MessageQueue) -> None:
    await message_queue.add_dead_letter(new_letter())
    handle = Handler()
    async with message_queue.consuming(handle):
        event_id = await message_queue.send("alive")
        await handle.called(1)
    assert [context["event_id"] for context in handle.contexts] == [event_id]
    await message_queue.deliver_to_dying_worker()
    assert len(await message_queue.dead_letters.read()) == 1


async def test_a_redriven_dead_letter_is_delivered_as_a_new_message(
    message_queue: MessageQueue,
) -> None:
    letter = new_letter()
    await message_queue.add_dead_letter(letter)
    assert await message_queue.dead_letters.redrive(everything) == 1
    assert await message_queue.dead_letters.read() == []
    handle = Handler(LookupError("not yet"))
    async with message_queue.consuming(handle):
        await handle.called(2)
        await eventually(message_queue.is_empty)
    assert [context["event_id"] for context in handle.contexts] == [letter.event_id] * 2
    assert handle.attempts == [1, 2]


async def test_one_dead_letter_can_be_redriven_alone(message_queue: MessageQueue) -> None:
    first = new_letter()
    second = new_letter()
    third = new_letter()
    for letter in (first, second, third):
        await message_queue.add_dead_letter(letter)
    assert await message_queue.dead_letters.redrive(lambda it: it == second) == 1
    assert await message_queue.dead_letters.read() == [first, third]
    assert await message_queue.dead_letters.redrive(lambda _: False) == 0
    handle = Handler()
    async with message_queue.consuming(handle):
        await handle.called(1)
    assert [context["event_id"] for context in handle.contexts] == [second.event_id]


async def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Return what the command prints."""
    await manage.run(manage.command_line().parse_args(arguments))
    return capsys.readouterr().out


async def test_the_operators_commands_list_and_redrive_dead_letters(
    service_queue: MessageQueue,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert await printed(capsys, "dead-letters") == "0 dead letters\n"
    letter = new_letter()
    await service_queue.add_dead_letter(letter)
    heading, row, total = (await printed(capsys, "dead-letters")).splitlines()
    assert heading.split() == ["EVENT", "TYPE", "REASON", "ATTEMPTS", "FIRST", "SEEN", "ERROR"]
    assert row.startswith(letter.event_id)
    assert row.endswith("LookupError: not: there")
    assert total == "1 dead letters"
    with pytest.raises(SystemExit, match="There is no such dead letter of event nothing"):
        await printed(capsys, "redrive", "nothing")
    redriven = await printed(capsys, "redrive", letter.event_id)
    assert redriven == "1 dead letters sent back to the worker\n"
    handle = Handler()
    async with service_queue.consuming(handle):
        await handle.called(1)
    assert [context["event_id"] for context in handle.contexts] == [letter.event_id]


async def test_discarded_dead_letters_are_gone_and_the_others_stay(
    message_queue: MessageQueue,
) -> None:
    first = new_letter()
    second = new_letter()
    for letter in (first, second):
        await message_queue.add_dead_letter(letter)
    assert await message_queue.dead_letters.discard(lambda it: it == first) == 1
    assert await message_queue.dead_letters.read() == [second]


@pytest.mark.parametrize(
    ("filters", "chosen"),
    [
        ((), {"old", "odd", "new"}),
        (("--type", "odd.v1"), {"odd"}),
        (("--reason", "undecodable"), {"new"}),
        (("--since", "2026-06-01"), {"odd", "new"}),
        (("--since", "2026-06-01", "--reason", "exhausted"), {"odd"}),
        (("--type", "odd.v1", "--reason", "undecodable"), set()),
    ],
)
async def test_filters_choose_what_is_listed_redriven_and_discarded(
    service_queue: MessageQueue,
    capsys: pytest.CaptureFixture[str],
    filters: tuple[str, ...],
    chosen: set[str],
) -> None:
    letters = {
        "old": new_letter(first_seen="2026-01-02T03:04:05+00:00"),
        "odd": new_letter(event_type="odd.v1", first_seen="2026-07-02T03:04:05+00:00"),
        "new": new_letter(reason="undecodable", first_seen="2026-08-02T03:04:05+00:00"),
    }
    for letter in letters.values():
        await service_queue.add_dead_letter(letter)
    listed = await printed(capsys, "dead-letters", *filters)
    assert {name for name, it in letters.items() if it.event_id in listed} == chosen
    expected = f"{len(chosen)} dead letters deleted\n"
    assert await printed(capsys, "discard", *filters, "--yes") == expected
    left = await service_queue.dead_letters.read()
    assert left == [it for name, it in letters.items() if name not in chosen]
    await printed(capsys, "discard", "--yes")


async def test_nothing_is_discarded_without_a_confirmation(
    service_queue: MessageQueue,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    await service_queue.add_dead_letter(new_letter())
    monkeypatch.setattr("sys.stdin", io.StringIO())
    with pytest.raises(SystemExit, match="delete 1 dead letters: confirm with --yes"):
        await printed(capsys, "discard")
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    for answer in ("", "no", "y"):
        monkeypatch.setattr("builtins.input", lambda _, answer=answer: answer)
        with pytest.raises(SystemExit, match="Nothing was changed"):
            await printed(capsys, "discard")
    monkeypatch.setattr("builtins.input", lambda _: "yes")
    assert await printed(capsys, "discard") == "1 dead letters deleted\n"


def test_a_time_that_is_none_is_refused_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        manage.command_line().parse_args(["dead-letters", "--since", "yesterday"])
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.endswith("'yesterday' is no time such as 2026-11-30T10:00+00:00")
