"""The outbox's reader: an event leaves the outbox only after it was published."""

import asyncio
from typing import Any
from uuid import UUID

import orjson
import pytest
from sqlalchemy import Row

from src.repositories.outbox.reader import OutboxReader
from src.repositories.postgres.engine import Database
from tests.machinery.rabbitmq.publisher import Publisher
from tests.machinery.support.messages import EVENT_TYPE
from tests.machinery.support.outbox import rows, store

pytestmark = pytest.mark.usefixtures("empty_tables")


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
