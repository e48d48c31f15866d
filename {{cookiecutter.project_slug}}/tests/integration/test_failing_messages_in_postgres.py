"""Messages whose handler fails: they wait and come back, or end with the dead letters."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Executable

from src.repositories.db.consumer import OutboxConsumer
from src.repositories.db.dead_letters import DBDeadLetters
from src.repositories.db.engine import Database
from src.repositories.db.queue import PUT_OFF, TAKE, TAKE_SUSPECTS
from src.usecases.ports.messaging import MessageHandler, PermanentError
from src.usecases.ports.unit_of_work import DatabaseBusyError, DatabaseUnavailableError
from tests.support.handlers import Handler, SlowHandler
from tests.support.queued import MAKE_DUE, put, rows, take_and_die

pytestmark = pytest.mark.usefixtures("empty_tables")


@pytest.fixture
def letters(database: Database) -> DBDeadLetters:
    return DBDeadLetters(database)


async def once(
    database: Database, handle: MessageHandler, *, seconds: float = 5, take: Executable = TAKE
) -> None:
    """Have a consumer take what is due, answer it and stop."""
    stop = asyncio.Event()
    consumer = OutboxConsumer(
        database,
        handle,
        retry_delays=(10, 60),
        concurrency=5,
        handler_timeout_seconds=seconds,
        take=take,
    )
    asyncio.get_running_loop().call_later(0.2, stop.set)
    await consumer.run(stop)


async def test_a_failing_message_waits_longer_each_time_and_is_a_dead_letter_in_the_end(
    database: Database, letters: DBDeadLetters
) -> None:
    event_id = await put(database)
    handle = Handler(*(LookupError(f"attempt {n}") for n in (1, 2, 3)))
    for attempts, delay in ((1, 10), (2, 60)):
        await once(database, handle)
        await once(database, handle)  # not due yet
        [row] = await rows(database)
        assert (row.attempts, row.last_error) == (attempts, f"LookupError: attempt {attempts}")
        wait = row.available_at - datetime.now(UTC)
        assert timedelta(seconds=delay - 5) < wait <= timedelta(seconds=delay)
        assert await letters.read() == []
        await database.fetch(MAKE_DUE)
    await once(database, handle)
    assert [context["attempt"] for context in handle.contexts] == [1, 2, 3]
    [letter] = await letters.read()
    assert (letter.event_id, letter.event_type) == (str(event_id), "user.registered.v1")
    assert (letter.reason, letter.error) == ("exhausted", "LookupError: attempt 3")
    assert letter.attempts == 3
    age = datetime.now(UTC) - datetime.fromisoformat(letter.first_seen)
    assert timedelta(0) <= age < timedelta(minutes=1)


async def test_a_message_that_can_never_be_handled_is_a_dead_letter_at_once(
    database: Database, letters: DBDeadLetters
) -> None:
    await put(database)
    await once(database, Handler(PermanentError("unknown", "Nothing \0 handles this.")))
    [letter] = await letters.read()
    assert (letter.reason, letter.attempts) == ("unknown", 1)
    assert letter.error == "PermanentError: Nothing \\0 handles this."


async def test_a_handler_that_takes_too_long_has_failed(database: Database) -> None:
    await put(database)
    await once(database, SlowHandler(), seconds=0.1)
    [row] = await rows(database)
    assert (row.attempts, row.last_error) == (1, "TimeoutError: ")


async def test_an_attempt_without_a_database_does_not_count(database: Database) -> None:
    await put(database)
    handle = Handler(*(DatabaseUnavailableError("away") for _ in range(4)))
    for _ in range(4):
        await once(database, handle)
        await database.fetch(MAKE_DUE)
    [row] = await rows(database)
    assert (row.attempts, len(handle.bodies)) == (0, 4)


async def test_an_attempt_that_a_busy_database_ended_counts(database: Database) -> None:
    await put(database)
    await once(database, Handler(DatabaseBusyError("the statement took too long")))
    [row] = await rows(database)
    assert row.attempts == 1


async def test_a_message_that_kills_its_worker_each_time_is_a_dead_letter_in_the_end(
    database: Database, letters: DBDeadLetters
) -> None:
    await put(database)
    assert len(await take_and_die(database)) == 1
    for attempts in (1, 2):
        [row] = await take_and_die(database, suspects=True)
        assert row.attempts == attempts
    handle = Handler()
    await once(database, handle, take=TAKE_SUSPECTS)
    assert handle.bodies == []
    [letter] = await letters.read()
    assert (letter.reason, letter.attempts) == ("exhausted", 3)
    assert letter.error == "UnansweredError: its worker died or lost the database"


async def test_an_answer_that_comes_too_late_does_not_touch_what_another_has_taken(
    database: Database,
) -> None:
    await put(database)
    [late] = await take_and_die(database)
    [now] = await take_and_die(database, suspects=True)
    values = {"key": late.sequence, "taken_until": late.available_at, "failed": 1}
    delay = timedelta(seconds=1)
    assert await database.fetch(PUT_OFF, {**values, "error": "late", "delay": delay}) == []
    [row] = await rows(database)
    assert (row.available_at, row.last_error) == (now.available_at, now.last_error)
