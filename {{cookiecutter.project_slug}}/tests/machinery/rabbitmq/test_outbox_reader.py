"""The outbox's reader: an event leaves the outbox only after it was published."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID

import orjson
import pytest
from sqlalchemy import Row, text

from src.repositories.outbox.reader import OutboxReader
from src.repositories.postgres.engine import Database
from tests.machinery.support.messages import EVENT_TYPE
from tests.machinery.support.outbox import make_due, rows, store

pytestmark = pytest.mark.usefixtures("empty_tables")

REFUSED = "machinery.refused.v1"


class Publisher:
    """Publishes every event but those of the type `REFUSED`."""

    error: BaseException = LookupError("No queue takes it.")

    def __init__(self) -> None:
        self.published: list[Row[Any]] = []

    async def __call__(self, event: Row[Any]) -> None:
        if event.event_type == REFUSED:
            raise self.error
        self.published.append(event)

    @property
    def ids(self) -> list[UUID]:
        """The ids of the published events."""
        return [event.event_id for event in self.published]


async def database_time(database: Database) -> datetime:
    """Return the time of the database's own clock."""
    [[time]] = await database.fetch(text("SELECT clock_timestamp()"))
    return cast("datetime", time)


@pytest.fixture
def outbox(database: Database) -> OutboxReader:
    return OutboxReader(database=database)


async def test_an_event_is_published_with_its_envelope_and_the_id_of_its_request(
    outbox: OutboxReader, database: Database
) -> None:
    [event_id] = await store(database, data={"a": "ä"}, request_id="the-request")
    publish = Publisher()
    assert await outbox.relay(10, publish) == [None]
    [event] = publish.published
    assert (event.event_id, event.event_type) == (event_id, EVENT_TYPE)
    assert (event.request_id, event.attempts) == ("the-request", 0)
    assert orjson.loads(event.body) == {
        "id": str(event_id),
        "type": EVENT_TYPE,
        "requestid": "the-request",
        "data": {"a": "ä"},
    }


async def test_a_published_event_is_deleted_and_not_published_again(
    outbox: OutboxReader, database: Database
) -> None:
    stored = await store(database, 3)
    publish = Publisher()
    assert await outbox.relay(10, publish) == [None] * 3
    assert publish.ids == stored
    assert await rows(database) == []
    assert await outbox.relay(10, publish) == []


async def test_the_oldest_events_are_published_first_and_at_most_the_limit(
    outbox: OutboxReader, database: Database
) -> None:
    stored = [*await store(database, 2), *await store(database, 2)]
    publish = Publisher()
    assert [len(await outbox.relay(3, publish)) for _ in range(3)] == [3, 1, 0]
    assert publish.ids == stored


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


async def test_two_relays_at_once_never_publish_the_same_event(
    outbox: OutboxReader, database: Database
) -> None:
    await store(database, 20)
    taken: list[int] = []
    all_taken = asyncio.Event()

    async def publish(event: Row[Any]) -> None:
        taken.append(event.sequence)
        if len(taken) == 20:
            all_taken.set()
        await all_taken.wait()  # so that both relays hold their locks at the same time

    outcomes = await asyncio.gather(*(outbox.relay(10, publish) for _ in range(2)))
    assert outcomes == [[None] * 10] * 2
    assert len(set(taken)) == 20


async def test_a_cancelled_relay_leaves_its_events_to_others(
    outbox: OutboxReader, database: Database
) -> None:
    stored = await store(database, 2)
    publishing = asyncio.Event()

    async def hang(event: Row[Any]) -> None:
        publishing.set()
        await asyncio.Event().wait()

    relay = asyncio.create_task(outbox.relay(10, hang))
    await publishing.wait()
    assert await outbox.relay(10, Publisher()) == []
    relay.cancel()
    with pytest.raises(asyncio.CancelledError):
        await relay
    publish = Publisher()
    assert await outbox.relay(10, publish) == [None] * 2
    assert publish.ids == stored
    assert [event.attempts for event in publish.published] == [0, 0]


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


async def test_an_event_stored_while_others_are_published_is_published_next(
    outbox: OutboxReader, database: Database
) -> None:
    await store(database)
    late: list[UUID] = []

    async def store_another(event: Row[Any]) -> None:
        late.extend(await store(database))

    publish = Publisher()
    assert await outbox.relay(10, store_another) == [None]
    assert await outbox.relay(10, publish) == [None]
    assert publish.ids == late


async def test_a_failed_event_still_counts_as_waiting_since_it_was_stored(
    outbox: OutboxReader, database: Database
) -> None:
    await store(database, event_type=REFUSED)
    [row] = await rows(database)
    await outbox.relay(10, Publisher())
    assert await outbox.oldest_waiting() == row.created_at
