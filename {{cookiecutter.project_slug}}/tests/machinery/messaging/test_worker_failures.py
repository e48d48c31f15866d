"""The worker when it dies, loses its server or is stopped: no event is lost."""

import asyncio

import punq
import pytest
from sqlalchemy import text

from src.config import WorkerSettings
from src.consume_worker import work
from src.repositories.postgres.engine import Database
from src.usecases.ports.messaging import EventConsumer, MessageHandler
from src.utils.settings import Settings
from tests.machinery.messaging.conftest import NewWorker
from tests.machinery.messaging.samples import RENAMED, Samples
from tests.machinery.support.messages import MessageQueue
from tests.machinery.support.outbox import emptied, rows
from tests.support.service import working
from tests.support.waiting import eventually

pytestmark = pytest.mark.usefixtures("empty_tables")

DELETE_EVENTS = text("DELETE FROM outbox_messages RETURNING 1")


async def test_an_event_whose_worker_died_has_its_effect_once_from_the_next_worker(
    settings: Settings,
    database: Database,
    worker: punq.Container,
    service_queue: MessageQueue,
    samples: Samples,
) -> None:
    sample_id = await samples.create()
    [row] = await rows(database)
    await database.fetch(DELETE_EVENTS)
    await service_queue.send_envelope(row.envelope)
    await service_queue.deliver_to_dying_worker()
    async with working(worker, settings):
        await samples.renamed(sample_id)
        await eventually(service_queue.is_empty)
    assert await samples.label(sample_id) == RENAMED


async def test_a_worker_that_loses_its_server_continues_when_the_server_is_back(
    settings: Settings,
    database: Database,
    new_worker: NewWorker,
    service_queue: MessageQueue,
    samples: Samples,
) -> None:
    proxied = service_queue.proxied(settings)
    worker = new_worker(proxied)
    consumer: EventConsumer = worker.resolve(EventConsumer)

    async def has_lost_its_server() -> bool:
        return not consumer.is_consuming

    async with working(worker, proxied):
        await samples.renamed(await samples.create())
        service_queue.proxy.refuse()
        await eventually(has_lost_its_server)
        sample_id = await samples.create()
        service_queue.proxy.accept()
        await samples.renamed(sample_id)
        await emptied(database)
    assert await samples.label(sample_id) == RENAMED


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
