"""The worker: from a committed change to the effect of its event."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import orjson
import punq
import pytest
from sqlalchemy import text

from src.config import WorkerSettings
from src.consume_worker import work
from src.repositories.postgres.engine import Database
from src.usecases.ports.messaging import DeadLetters, EventConsumer, MessageHandler
from src.utils.settings import Settings
from tests.machinery.conftest import SampleUnitOfWorkFactory
from tests.machinery.messaging.conftest import NewWorker
from tests.machinery.sample import Sample, SampleCreated, SampleRenamed
from tests.machinery.support.messages import EVENT_TYPE, MessageQueue
from tests.machinery.support.outbox import emptied, rows
from tests.support.service import working
from tests.support.waiting import eventually

pytestmark = pytest.mark.usefixtures("empty_tables")

LABEL = text("SELECT label FROM machinery_samples WHERE id = :id")
PROCESSED = text("SELECT 1 FROM processed_messages WHERE message_id = :id")


class RecordingHandler:
    """Takes the place of a worker's handler, and records each message after it was handled."""

    def __init__(self, worker: punq.Container) -> None:
        self._handle: MessageHandler = worker.resolve(MessageHandler)
        self.events: list[dict[str, Any]] = []
        worker.register(MessageHandler, instance=self)

    async def __call__(self, body: bytes) -> None:
        await self._handle(body)
        self.events.append(orjson.loads(body))


async def create(unit_of_work: SampleUnitOfWorkFactory) -> UUID:
    """Commit a new sample, and return its id."""
    sample = Sample.create("created")
    async with unit_of_work() as uow:
        await uow.samples.create(sample)
        await uow.commit()
    return sample.id


async def label(database: Database, sample_id: UUID) -> str:
    """Return the label of a sample."""
    [[found]] = await database.fetch(LABEL, {"id": sample_id})
    return str(found)


async def renamed(database: Database, sample_id: UUID) -> None:
    """Return when the consumer has renamed the sample."""

    async def is_renamed() -> bool:
        return await label(database, sample_id) != "created"

    await eventually(is_renamed)


async def test_an_event_committed_while_no_worker_runs_has_its_effect_once_one_starts(
    settings: Settings,
    database: Database,
    worker: punq.Container,
    sample_unit_of_work: SampleUnitOfWorkFactory,
) -> None:
    sample_id = await create(sample_unit_of_work)
    [row] = await rows(database)
    assert await label(database, sample_id) == "created"
    async with working(worker, settings):
        await renamed(database, sample_id)
        await emptied(database)
    assert await label(database, sample_id) == "created!"
    assert len(await database.fetch(PROCESSED, {"id": row.event_id})) == 1


async def test_an_event_that_is_delivered_twice_has_its_effect_once(
    settings: Settings,
    database: Database,
    worker: punq.Container,
    service_queue: MessageQueue,
    sample_unit_of_work: SampleUnitOfWorkFactory,
) -> None:
    handle = RecordingHandler(worker)
    sample_id = await create(sample_unit_of_work)
    [row] = await rows(database)
    async with working(worker, settings):
        await renamed(database, sample_id)
        await service_queue.send_envelope(row.envelope)

        async def is_delivered_twice() -> bool:
            ids = [event["id"] for event in handle.events]
            return ids.count(row.envelope["id"]) == 2

        await eventually(is_delivered_twice)
        await eventually(service_queue.is_empty)
    assert await label(database, sample_id) == "created!"


async def test_an_event_whose_worker_died_has_its_effect_from_the_next_worker(
    settings: Settings,
    database: Database,
    worker: punq.Container,
    service_queue: MessageQueue,
    sample_unit_of_work: SampleUnitOfWorkFactory,
) -> None:
    sample_id = await create(sample_unit_of_work)
    [row] = await rows(database)
    await database.fetch(text("DELETE FROM outbox_messages RETURNING 1"))
    await service_queue.send_envelope(row.envelope)
    await service_queue.deliver_to_dying_worker()
    async with working(worker, settings):
        await renamed(database, sample_id)
        await eventually(service_queue.is_empty)
    assert await label(database, sample_id) == "created!"


async def test_two_workers_at_once_have_the_effect_of_each_event_once(
    settings: Settings,
    database: Database,
    new_worker: NewWorker,
    sample_unit_of_work: SampleUnitOfWorkFactory,
) -> None:
    one = new_worker(settings)
    other = new_worker(settings)
    async with working(one, settings), working(other, settings):
        created = [await create(sample_unit_of_work) for _ in range(6)]
        for sample_id in created:
            await renamed(database, sample_id)
        await emptied(database)
    assert {await label(database, sample_id) for sample_id in created} == {"created!"}


async def test_an_event_of_this_service_without_a_consumer_is_not_a_dead_letter(
    settings: Settings,
    worker: punq.Container,
    service_queue: MessageQueue,
    sample_unit_of_work: SampleUnitOfWorkFactory,
) -> None:
    handle = RecordingHandler(worker)
    letters: DeadLetters = worker.resolve(DeadLetters)
    await create(sample_unit_of_work)
    async with working(worker, settings):

        async def is_delivered() -> bool:
            return SampleRenamed.name in {event["type"] for event in handle.events}

        await eventually(is_delivered)
        await eventually(service_queue.is_empty)
    assert await letters.read() == []


@pytest.mark.parametrize(
    ("envelope", "reason"),
    [
        ({}, "undecodable"),
        ({"id": str(uuid4()), "type": EVENT_TYPE}, "undecodable"),
        (
            {"id": str(uuid4()), "type": SampleCreated.name, "data": {"sample_id": "?"}},
            "undecodable",
        ),
        ({"id": str(uuid4()), "type": EVENT_TYPE, "data": {}}, "unknown"),
    ],
)
async def test_a_message_that_no_consumer_can_handle_becomes_a_dead_letter_at_once(
    settings: Settings,
    worker: punq.Container,
    service_queue: MessageQueue,
    envelope: dict[str, Any],
    reason: str,
) -> None:
    async with working(worker, settings):
        event_id = await service_queue.send_envelope(envelope)
        [letter] = await eventually(worker.resolve(DeadLetters).read)
    assert (letter.event_id, letter.reason, letter.attempts) == (event_id, reason, 1)


async def test_a_worker_that_loses_its_server_continues_when_the_server_is_back(
    settings: Settings,
    database: Database,
    new_worker: NewWorker,
    service_queue: MessageQueue,
    sample_unit_of_work: SampleUnitOfWorkFactory,
) -> None:
    proxied = service_queue.proxied(settings)
    worker = new_worker(proxied)
    consumer = worker.resolve(EventConsumer)

    async def has_lost_its_server() -> bool:
        return not consumer.is_consuming

    async with working(worker, proxied):
        await renamed(database, await create(sample_unit_of_work))
        service_queue.proxy.refuse()
        await eventually(has_lost_its_server)
        sample_id = await create(sample_unit_of_work)
        service_queue.proxy.accept()
        await renamed(database, sample_id)
        await emptied(database)


async def test_a_stopped_worker_waits_for_its_handlers_for_the_grace_period_at_most(
    settings: Settings, worker: punq.Container, service_queue: MessageQueue
) -> None:
    started = asyncio.Event()

    async def handle(body: bytes) -> None:
        started.set()
        await asyncio.Event().wait()

    worker.register(MessageHandler, instance=handle)
    short = settings[WorkerSettings].model_copy(update={"shutdown_grace_seconds": 0.3})
    stop = asyncio.Event()
    running = asyncio.create_task(work(worker, short, stop))
    await service_queue.send("one")
    await asyncio.wait_for(started.wait(), 20)
    stop.set()
    await asyncio.wait_for(running, 20)

    async def is_waiting() -> bool:
        return not await service_queue.is_empty()

    await eventually(is_waiting)
