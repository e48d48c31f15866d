"""The worker when servers are lost, when its own code breaks, and when it is stopped."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import punq
import pytest
from src.repositories.db import notify
from src.repositories.db.engine import Database

from src import consume_worker
from src.config import Settings
from src.consume_worker import work
from src.container import build_container
from src.usecases.ports.messaging import MessageRecords
from tests.support.accounts import register
from tests.support.events import nothing_waits, welcomed
from tests.support.network import Proxy
from tests.support.service import working
from tests.support.waiting import eventually

pytestmark = pytest.mark.usefixtures("empty_tables")


@pytest.fixture
async def postgres_proxy(settings: Settings) -> AsyncIterator[Proxy]:
    async with Proxy(settings.postgres.host, settings.postgres.port).running() as proxy:
        yield proxy


async def test_a_worker_that_loses_its_database_goes_on_when_it_is_back(
    api: httpx2.AsyncClient, settings: Settings, database: Database, postgres_proxy: Proxy
) -> None:
    there = {"host": "127.0.0.1", "port": postgres_proxy.port}
    proxied = settings.model_copy(update={"postgres": settings.postgres.model_copy(update=there)})
    async with working(build_container(proxied), proxied):
        await welcomed(database, await register(api))
        postgres_proxy.refuse()
        account = await register(api)
        await asyncio.sleep(0.3)
        postgres_proxy.accept()
        await welcomed(database, account)
        await nothing_waits(database)


async def test_a_worker_touches_its_health_file_while_it_consumes(
    settings: Settings, worker: punq.Container, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consume_worker, "HEALTH_SECONDS", 0.05)
    file = tmp_path / "healthy"
    healthy = settings.model_copy(
        update={"worker": settings.worker.model_copy(update={"health_file": file})}
    )
    async with working(worker, healthy):

        async def touched() -> bool:
            return file.exists()

        await eventually(touched)
        file.unlink()
        await eventually(touched)


async def test_an_idle_worker_that_is_told_to_stop_does_not_wait_for_its_next_poll(
    settings: Settings, worker: punq.Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notify, "POLL_SECONDS", 3600)
    async with asyncio.timeout(20), working(worker, settings):
        await asyncio.sleep(0.3)


async def test_a_worker_whose_job_breaks_ends_with_its_error_so_that_it_is_started_again(
    settings: Settings, worker: punq.Container
) -> None:
    class Broken:
        async def forget_processed(self, before: object) -> int:
            raise LookupError("a fault of ours")

    worker.register(MessageRecords, instance=Broken())
    with pytest.raises(LookupError, match="a fault of ours"):
        await asyncio.wait_for(work(worker, settings.worker, asyncio.Event()), 30)
