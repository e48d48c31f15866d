"""Dead letters: they can be looked at, and given another chance."""

import sys
from uuid import uuid4

import pytest
from sqlalchemy import text

from src import manage
from src.config import Settings
from src.repositories.db.dead_letters import DBDeadLetters
from src.repositories.db.engine import Database
from src.repositories.db.message_records import DBMessageRecords
from tests.support.queued import put, rows, take_and_die

pytestmark = pytest.mark.usefixtures("empty_tables")
BURY = text(
    "UPDATE outbox_messages SET available_at = 'infinity', attempts = 3,"
    " last_error = 'exhausted: LookupError: not: there' WHERE event_id = :event_id RETURNING 1"
)


@pytest.fixture
def letters(database: Database) -> DBDeadLetters:
    return DBDeadLetters(database)


async def bury(database: Database) -> str:
    """Put a message with the dead letters, and return its id."""
    event_id = await put(database)
    await database.fetch(BURY, {"event_id": event_id})
    return str(event_id)


async def test_dead_letters_are_described_and_stay_where_they_are(
    letters: DBDeadLetters, database: Database
) -> None:
    await put(database)
    event_id = await bury(database)
    for _ in range(2):
        [letter] = await letters.read()
        assert (letter.event_id, letter.attempts) == (event_id, 3)
        assert (letter.reason, letter.error) == ("exhausted", "LookupError: not: there")


async def test_a_dead_letter_is_never_taken_and_counts_as_none_that_waits(
    database: Database,
) -> None:
    await bury(database)
    assert await take_and_die(database) == []
    assert await take_and_die(database, suspects=True) == []
    assert await DBMessageRecords(database).oldest_waiting() is None


async def test_a_redriven_letter_is_new_to_the_worker_and_dead_no_more(
    letters: DBDeadLetters, database: Database
) -> None:
    await bury(database)
    assert await letters.redrive(None) == 1
    assert await letters.read() == []
    [row] = await rows(database)
    assert (row.attempts, row.last_error) == (0, None)
    assert len(await take_and_die(database)) == 1


async def test_one_letter_can_be_redriven_alone(letters: DBDeadLetters, database: Database) -> None:
    first, second, third = [await bury(database) for _ in range(3)]
    assert await letters.redrive(second) == 1
    assert {letter.event_id for letter in await letters.read()} == {first, third}
    assert await letters.redrive(str(uuid4())) == 0


async def command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str
) -> str:
    """Return what the command prints."""
    monkeypatch.setattr(sys, "argv", ["manage", *arguments])
    await manage.main()
    return capsys.readouterr().out


async def test_the_command_lists_and_redrives(
    settings: Settings,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("POSTGRES_DB", settings.postgres.db)
    assert await command(monkeypatch, capsys, "dead-letters") == "0 dead letters\n"
    event_id = await bury(database)
    heading, row, total = (await command(monkeypatch, capsys, "dead-letters")).splitlines()
    assert heading.split() == ["EVENT", "TYPE", "REASON", "ATTEMPTS", "FIRST", "SEEN", "ERROR"]
    assert row.startswith(event_id)
    assert row.endswith("LookupError: not: there")
    assert total == "1 dead letters"
    with pytest.raises(SystemExit, match="There is no dead letter of event nothing"):
        await command(monkeypatch, capsys, "redrive", "nothing")
    redriven = await command(monkeypatch, capsys, "redrive", event_id)
    assert redriven == "1 dead letters sent back to the worker\n"
    assert len(await take_and_die(database)) == 1
