"""The consumer on Postgres: how it takes messages and stores their outcomes."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import text

from src.repositories.postgres.engine import Database
from src.repositories.postgres_queue import consumer
from src.repositories.postgres_queue.backlog import PostgresBacklog
from src.repositories.postgres_queue.statements import POSTPONE, UNANSWERED
from src.usecases.ports.messaging import UnknownEventError
from tests.machinery.postgres_queue.queue import PostgresQueue, take_and_die
from tests.machinery.support.handlers import Handler, SlowHandler
from tests.machinery.support.outbox import make_due, rows
from tests.support.waiting import eventually


async def test_a_failed_message_is_postponed_by_the_delay_of_its_attempt(
    message_queue: PostgresQueue, database: Database
) -> None:
    message_queue.retry_delays = (600, 1200)
    await message_queue.send("one")
    for attempts, delay in ((1, 600), (2, 1200)):
        [before] = await rows(database)
        async with message_queue.consuming(Handler(LookupError(f"attempt {attempts}"))):

            async def has_failed() -> bool:
                [row] = await rows(database)
                return bool(row.attempts == attempts)  # noqa: B023

            await eventually(has_failed)
        [row] = await rows(database)
        assert row.last_error == f"LookupError: attempt {attempts}"
        postponed = row.available_at - before.available_at
        assert timedelta(seconds=delay) <= postponed < timedelta(seconds=2 * delay)
        await make_due(database)


async def test_an_event_of_an_unknown_type_is_postponed_by_the_longest_delay(
    message_queue: PostgresQueue, database: Database
) -> None:
    message_queue.retry_delays = (600, 1200, 300)
    await message_queue.send("one")
    [before] = await rows(database)
    async with message_queue.consuming(Handler(UnknownEventError("unknown", "not yet"))):

        async def waits() -> bool:
            [row] = await rows(database)
            return bool(row.waits)

        await eventually(waits)
    [row] = await rows(database)
    assert (row.attempts, row.waits) == (0, 1)
    assert timedelta(seconds=1200) <= row.available_at - before.available_at


async def test_a_message_in_progress_is_leased_for_the_time_of_its_handler_and_a_margin(
    message_queue: PostgresQueue, database: Database
) -> None:
    await message_queue.send("one")
    [waiting] = await rows(database)
    handle = SlowHandler()
    async with message_queue.consuming(handle, handler_timeout_seconds=100):
        await handle.called(1)
        [row] = await rows(database)
        handle.may_finish.set()
    lease = timedelta(seconds=100 + consumer.MARGIN_SECONDS)
    assert row.available_at - waiting.available_at >= lease
    assert (row.attempts, row.last_error) == (0, UNANSWERED)


async def test_a_message_that_a_dying_worker_held_has_used_an_attempt_only_once_it_is_redelivered(
    message_queue: PostgresQueue, database: Database
) -> None:
    for number in range(3):
        await message_queue.send(str(number))
    await message_queue.deliver_to_dying_worker()
    assert [row.attempts for row in await rows(database)] == [0, 0, 0]
    handle = SlowHandler()
    async with message_queue.consuming(handle):
        await handle.called(1)
        assert [row.attempts for row in await rows(database)] == [1, 0, 0]
        handle.may_finish.set()
        await eventually(message_queue.is_empty)
    assert handle.attempts == [2, 2, 2]


async def test_a_message_redelivered_after_its_last_attempt_becomes_a_dead_letter_unhandled(
    message_queue: PostgresQueue, database: Database
) -> None:
    await message_queue.send("one")
    assert len(await take_and_die(database)) == 1
    for attempts in (1, 2):
        [row] = await take_and_die(database, redelivered=True)
        assert row.attempts == attempts
    handle = Handler()
    async with message_queue.consuming(handle):
        [letter] = await eventually(message_queue.dead_letters.read)
    assert handle.data == []
    assert (letter.reason, letter.attempts) == ("exhausted", 3)
    assert letter.error == "UnansweredError: its worker died or lost the database"


async def test_a_late_outcome_does_not_change_a_message_that_another_consumer_has_taken(
    message_queue: PostgresQueue, database: Database
) -> None:
    await message_queue.send("one")
    [late] = await take_and_die(database)
    [current] = await take_and_die(database, redelivered=True)
    values = {"key": late.sequence, "taken_until": late.available_at, "failed": 1}
    delay = timedelta(seconds=1)
    assert await database.fetch(POSTPONE, {**values, "error": "late", "delay": delay}) == []
    [row] = await rows(database)
    assert (row.available_at, row.last_error) == (current.available_at, current.last_error)


async def test_an_outcome_is_stored_once_a_lost_database_is_back(
    message_queue: PostgresQueue, database: Database
) -> None:
    await message_queue.send("one")
    handle = SlowHandler()
    async with message_queue.consuming(handle):
        await handle.called(1)
        message_queue.proxy.refuse()
        handle.may_finish.set()
        await asyncio.sleep(0.3)
        assert len(await rows(database)) == 1
        message_queue.proxy.accept()
        await eventually(message_queue.is_empty)
    assert handle.data == ["one"]


@pytest.mark.parametrize("kind", ["postponed", "in progress", "dead"])
async def test_a_message_that_is_not_due_does_not_count_as_waiting(
    message_queue: PostgresQueue, database: Database, kind: str
) -> None:
    backlog = PostgresBacklog(database=database)
    await message_queue.send("one")
    assert await backlog.longest_wait() is not None
    columns = {
        "postponed": "available_at = now() + interval '1 hour', attempts = 1",
        "in progress": f"available_at = now() + interval '1 hour', last_error = '{UNANSWERED}'",
        "dead": "available_at = 'infinity'",
    }
    await database.fetch(text(f"UPDATE outbox_messages SET {columns[kind]} RETURNING 1"))  # noqa: S608
    assert await backlog.longest_wait() is None
