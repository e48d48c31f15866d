"""The worker without its database, with a failing job, and at its end."""

import asyncio
from pathlib import Path

import httpx2
import punq
import pytest

from src import consume_worker
from src.config import PostgresSettings, WorkerSettings
from src.consume_worker import work
from src.container import build_container
from src.repositories.outbox import notify
from src.repositories.postgres.engine import Database
from src.usecases.ports.messaging import EventConsumer
from src.usecases.ports.purge import PurgeStep
from src.utils.settings import Settings
from tests.machinery.support.outbox import emptied
from tests.support.accounts import register
from tests.support.network import Proxy
from tests.support.service import working
from tests.support.waiting import eventually
from tests.support.welcomes import welcomed

pytestmark = pytest.mark.usefixtures("empty_tables")


async def test_a_worker_that_lost_its_database_continues_when_it_is_back(
    api: httpx2.AsyncClient, settings: Settings, database: Database
) -> None:
    postgres = settings[PostgresSettings]
    async with Proxy(postgres.host, postgres.port).running() as proxy:
        here = {"host": "127.0.0.1", "port": proxy.port}
        proxied = settings.replace(postgres.model_copy(update=here))
        async with working(build_container(proxied), proxied):
            await welcomed(database, await register(api))
            proxy.refuse()
            connections = proxy.connections
            account = await register(api)

            async def has_tried_to_connect() -> bool:
                return proxy.connections > connections

            await eventually(has_tried_to_connect)
            proxy.accept()
            await welcomed(database, account)
            await emptied(database)


async def test_a_worker_touches_its_health_file_again_and_again_while_it_consumes(
    settings: Settings, worker: punq.Container, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consume_worker, "HEALTH_SECONDS", 0.05)
    file = tmp_path / "healthy"
    with_file = settings[WorkerSettings].model_copy(update={"health_file": file})
    async with working(worker, settings.replace(with_file)):

        async def touched() -> bool:
            return file.exists()

        await eventually(touched)
        file.unlink()
        await eventually(touched)


async def test_a_worker_without_its_messages_does_not_touch_its_health_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class LostConsumer(EventConsumer):
        is_consuming = False

        async def run(self, stop: asyncio.Event) -> None:
            await stop.wait()

    monkeypatch.setattr(consume_worker, "HEALTH_SECONDS", 0.01)
    file = tmp_path / "healthy"
    stop = asyncio.Event()
    reporting = asyncio.create_task(consume_worker.report_health(file, LostConsumer(), stop))
    await asyncio.sleep(0.1)
    stop.set()
    await reporting
    assert not file.exists()


async def test_an_idle_worker_stops_without_waiting_for_its_next_poll(
    settings: Settings, worker: punq.Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notify, "POLL_SECONDS", 3600)
    async with working(worker, settings):  # leaving it waits for the worker for a minute at most
        await asyncio.sleep(0.3)


async def test_a_worker_ends_with_the_error_of_a_failed_job(
    settings: Settings, worker: punq.Container
) -> None:
    class FailingStep(PurgeStep):
        name = "failing"

        async def purge(self) -> int:
            raise LookupError("a fault in a job")

    worker.register(PurgeStep, instance=FailingStep())
    with pytest.raises(LookupError, match="a fault in a job"):
        await asyncio.wait_for(work(worker, settings[WorkerSettings], asyncio.Event()), 60)
