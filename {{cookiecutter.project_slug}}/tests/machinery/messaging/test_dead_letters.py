"""Dead letters: operators can list them, and give them to the worker again."""

from uuid import uuid4

import pytest

from src import manage
from src.config import PostgresSettings
from src.usecases.ports.messaging import DeadLetter
from src.utils.settings import Settings
from tests.machinery.support.handlers import Handler
from tests.machinery.support.messages import EVENT_TYPE, MessageQueue
from tests.support.waiting import eventually


def new_letter() -> DeadLetter:
    return DeadLetter(
        event_id=str(uuid4()),
        event_type=EVENT_TYPE,
        reason="exhausted",
        error="LookupError: not: there",
        attempts=3,
        first_seen="2026-01-02T03:04:05+00:00",
    )


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
    assert await message_queue.dead_letters.redrive(None) == 1
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
    assert await message_queue.dead_letters.redrive(second.event_id) == 1
    assert await message_queue.dead_letters.read() == [first, third]
    assert await message_queue.dead_letters.redrive(str(uuid4())) == 0
    assert await message_queue.dead_letters.redrive("no id") == 0
    handle = Handler()
    async with message_queue.consuming(handle):
        await handle.called(1)
    assert [context["event_id"] for context in handle.contexts] == [second.event_id]


async def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Return what the command prints."""
    parsed = manage.command_line().parse_args(arguments)
    await manage.run(parsed.command, parsed.argument)
    return capsys.readouterr().out


async def test_the_operators_commands_list_and_redrive_dead_letters(
    settings: Settings,
    service_queue: MessageQueue,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("POSTGRES_DB", settings[PostgresSettings].db)
    assert await printed(capsys, "dead-letters") == "0 dead letters\n"
    letter = new_letter()
    await service_queue.add_dead_letter(letter)
    heading, row, total = (await printed(capsys, "dead-letters")).splitlines()
    assert heading.split() == ["EVENT", "TYPE", "REASON", "ATTEMPTS", "FIRST", "SEEN", "ERROR"]
    assert row.startswith(letter.event_id)
    assert row.endswith("LookupError: not: there")
    assert total == "1 dead letters"
    with pytest.raises(SystemExit, match="There is no dead letter of event nothing"):
        await printed(capsys, "redrive", "nothing")
    redriven = await printed(capsys, "redrive", letter.event_id)
    assert redriven == "1 dead letters sent back to the worker\n"
    handle = Handler()
    async with service_queue.consuming(handle):
        await handle.called(1)
    assert [context["event_id"] for context in handle.contexts] == [letter.event_id]
