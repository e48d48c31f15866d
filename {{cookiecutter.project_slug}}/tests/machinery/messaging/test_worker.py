"""The worker: from a committed change to the effect of its event."""

from dataclasses import replace
from typing import Any
from uuid import uuid4

import punq
import pytest
from sqlalchemy import text

from src.consumers.dispatcher import EventDispatcher
from src.repositories.outbox import unknown
from src.repositories.postgres.engine import Database
from src.usecases.ports.messaging import MessageHandler
from src.utils.settings import Settings
from tests.machinery.messaging.conftest import NewWorker
from tests.machinery.messaging.samples import CREATED, RENAMED, RecordingHandler, Samples
from tests.machinery.sample import SampleCreated, SampleRenamed
from tests.machinery.support.messages import EVENT_TYPE, MessageQueue
from tests.machinery.support.outbox import emptied, rows
from tests.support.service import working
from tests.support.waiting import eventually

pytestmark = pytest.mark.usefixtures("empty_tables")

PROCESSED = text("SELECT message_id FROM processed_messages")


async def test_an_event_committed_while_no_worker_runs_has_its_effect_once_one_starts(
    settings: Settings, database: Database, worker: punq.Container, samples: Samples
) -> None:
    handle = RecordingHandler(worker)
    sample_id = await samples.create()
    [row] = await rows(database)
    assert await samples.label(sample_id) == CREATED
    async with working(worker, settings):
        await samples.renamed(sample_id)
        await emptied(database)
    assert await samples.label(sample_id) == RENAMED
    assert handle.events[0] == row.envelope
    assert [row.event_id] == [row.message_id for row in await database.fetch(PROCESSED)]


async def test_an_event_that_is_delivered_twice_has_its_effect_once(
    settings: Settings,
    database: Database,
    worker: punq.Container,
    service_queue: MessageQueue,
    samples: Samples,
) -> None:
    handle = RecordingHandler(worker)
    sample_id = await samples.create()
    [row] = await rows(database)
    async with working(worker, settings):
        await samples.renamed(sample_id)
        await service_queue.send_envelope(row.envelope)

        async def is_handled_twice() -> bool:
            ids = [event["id"] for event in handle.events]
            return ids.count(row.envelope["id"]) == 2

        await eventually(is_handled_twice)
    assert await samples.label(sample_id) == RENAMED


async def test_two_workers_at_once_have_the_effect_of_each_event_once(
    settings: Settings, database: Database, new_worker: NewWorker, samples: Samples
) -> None:
    one = new_worker(settings)
    other = new_worker(settings)
    async with working(one, settings), working(other, settings):
        created = [await samples.create() for _ in range(6)]
        for sample_id in created:
            await samples.renamed(sample_id)
        await emptied(database)
    assert {await samples.label(sample_id) for sample_id in created} == {RENAMED}


async def test_an_event_of_this_service_without_a_consumer_is_not_a_dead_letter(
    settings: Settings, worker: punq.Container, service_queue: MessageQueue, samples: Samples
) -> None:
    handle = RecordingHandler(worker)
    await samples.create()
    async with working(worker, settings):

        async def is_handled() -> bool:
            return SampleRenamed.name in {event["type"] for event in handle.events}

        await eventually(is_handled)
        await eventually(service_queue.is_empty)
    assert await service_queue.dead_letters.read() == []


@pytest.mark.parametrize(
    "envelope",
    [
        {},
        {"id": str(uuid4()), "type": EVENT_TYPE},
        {"id": str(uuid4()), "type": SampleCreated.name, "data": {"sample_id": "?"}},
    ],
    ids=["empty", "without data", "with wrong data"],
)
async def test_a_message_that_cannot_be_decoded_becomes_a_dead_letter_at_once(
    settings: Settings,
    worker: punq.Container,
    service_queue: MessageQueue,
    envelope: dict[str, Any],
) -> None:
    async with working(worker, settings):
        event_id = await service_queue.send_envelope(envelope)
        [letter] = await eventually(service_queue.dead_letters.read)
    assert (letter.event_id, letter.reason, letter.attempts) == (event_id, "undecodable", 1)


async def test_an_event_that_an_older_worker_does_not_know_waits_for_a_newer_one(
    settings: Settings,
    database: Database,
    new_worker: NewWorker,
    service_queue: MessageQueue,
    samples: Samples,
) -> None:
    older = new_worker(settings)
    newer = new_worker(settings)
    dispatcher: EventDispatcher = older.resolve(MessageHandler)
    older.register(MessageHandler, instance=replace(dispatcher, subscriptions={}, own_events=[]))
    sample_id = await samples.create()
    seen = unknown.report.seen
    async with working(older, settings):

        async def has_been_seen() -> bool:
            return unknown.report.seen > seen + 1

        await eventually(has_been_seen)
    assert await samples.label(sample_id) == CREATED
    async with working(newer, settings):
        await samples.renamed(sample_id)
    assert await samples.label(sample_id) == RENAMED
    assert await service_queue.dead_letters.read() == []
