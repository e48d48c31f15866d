"""Events that could not be published: they stay in the outbox until a later attempt."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest
from sqlalchemy import text

from src.repositories.outbox.reader import OutboxReader
from src.repositories.postgres.engine import Database
from tests.machinery.rabbitmq.publisher import REFUSED, Publisher
from tests.machinery.support.outbox import make_due, rows, store

pytestmark = pytest.mark.usefixtures("empty_tables")


async def database_time(database: Database) -> datetime:
    """Return the time of the database's own clock."""
    [[time]] = await database.fetch(text("SELECT clock_timestamp()"))
    return cast("datetime", time)


async def test_a_failed_event_stays_with_its_error_and_waits_longer_after_each_attempt(
    outbox: OutboxReader, database: Database
) -> None:
    await store(database, event_type=REFUSED)
    publish = Publisher()
    for attempts, delay in ((1, 1), (2, 2), (3, 4)):
        before = await database_time(database)
        assert await outbox.relay(10, publish) == [publish.error]
        after = await database_time(database)
        [row] = await rows(database)
        assert (row.attempts, row.last_error) == (attempts, "LookupError: No queue takes it.")
        assert before <= row.available_at - timedelta(seconds=delay) <= after
        await make_due(database)


async def test_an_event_that_always_fails_is_tried_once_a_minute(
    outbox: OutboxReader, database: Database
) -> None:
    await store(database, event_type=REFUSED, attempts=2000)
    before = await database_time(database)
    await outbox.relay(10, Publisher())
    after = await database_time(database)
    [row] = await rows(database)
    assert before <= row.available_at - timedelta(seconds=60) <= after


async def test_a_failed_event_is_not_published_before_it_is_due(
    outbox: OutboxReader, database: Database
) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    await store(database, available_at=later, attempts=3)
    publish = Publisher()
    assert await outbox.relay(10, publish) == []
    await make_due(database)
    assert await outbox.relay(10, publish) == [None]
    assert publish.published[0].attempts == 3


async def test_a_failed_event_does_not_delay_the_others(
    outbox: OutboxReader, database: Database
) -> None:
    await store(database, event_type=REFUSED)
    stored = await store(database)
    publish = Publisher()
    assert await outbox.relay(10, publish) == [publish.error, None]
    assert publish.ids == stored
    assert [row.event_type for row in await rows(database)] == [REFUSED]


@pytest.mark.parametrize(
    ("error", "kept"),
    [
        pytest.param(TypeError("a bug"), "TypeError: a bug", id="unexpected"),
        pytest.param(OSError("\0 \ud800"), "OSError: \\0 \\ud800", id="unstorable characters"),
        pytest.param(asyncio.CancelledError(), "CancelledError: ", id="cancelled by its library"),
    ],
)
async def test_after_any_error_the_event_stays_and_the_others_are_published(
    outbox: OutboxReader, database: Database, error: BaseException, kept: str
) -> None:
    [first] = await store(database)
    await store(database, event_type=REFUSED)
    [third] = await store(database)
    publish = Publisher()
    publish.error = error
    outcomes = await outbox.relay(10, publish)
    assert [type(outcome) for outcome in outcomes] == [type(None), type(error), type(None)]
    assert publish.ids == [first, third]
    [row] = await rows(database)
    assert (row.event_type, row.attempts, row.last_error) == (REFUSED, 1, kept)


async def test_a_failed_event_still_counts_as_waiting_since_it_was_stored(
    outbox: OutboxReader, database: Database
) -> None:
    await store(database, event_type=REFUSED)
    await outbox.relay(10, Publisher())
    assert await outbox.longest_wait() is not None
