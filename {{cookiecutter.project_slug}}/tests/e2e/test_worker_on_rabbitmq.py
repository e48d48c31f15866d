"""The worker and its queues in RabbitMQ."""

import asyncio
from collections.abc import AsyncIterator

import httpx2
import orjson
import punq
import pytest
from sqlalchemy import text

from src.config import Settings
from src.consume_worker import work
from src.container import build_container
from src.repositories.db.engine import Database
from src.usecases.ports.messaging import MessageHandler
from tests.support.accounts import PASSWORD, Account, register
from tests.support.amqp import Queues
from tests.support.events import Spy, kinds, nothing_waits, welcomed
from tests.support.network import Proxy
from tests.support.service import working
from tests.support.waiting import eventually

pytestmark = pytest.mark.usefixtures("empty_tables")
EVENT = text("SELECT envelope FROM outbox_messages WHERE envelope ->> 'subject' = :id")


@pytest.fixture
async def rabbitmq_proxy(settings: Settings) -> AsyncIterator[Proxy]:
    async with Proxy(settings.rabbitmq.host, settings.rabbitmq.port).running() as proxy:
        yield proxy


async def test_an_event_that_is_delivered_twice_has_its_effect_once(
    account: Account,
    settings: Settings,
    database: Database,
    spy: Spy,
    run_queues: Queues,
) -> None:
    [[envelope]] = await database.fetch(EVENT, {"id": account.id})
    async with working(spy.worker, settings):
        await run_queues.send(orjson.dumps(envelope))

        async def seen_twice() -> bool:
            return [event["id"] for event in spy.seen].count(envelope["id"]) == 2

        await eventually(seen_twice)
        await nothing_waits(database)
    assert await kinds(database, account.id) == ["welcome"]


async def test_an_event_that_this_service_does_not_handle_itself_is_not_a_dead_letter(
    account: Account,
    settings: Settings,
    database: Database,
    spy: Spy,
    run_queues: Queues,
) -> None:
    login = await account.log_in()
    await login.change_password(PASSWORD, "another passphrase that nobody has")
    async with working(spy.worker, settings):

        async def seen() -> bool:
            return "user.password_changed.v1" in {event["type"] for event in spy.seen}

        await eventually(seen)
    assert await run_queues.count(run_queues.topology.dead_queue) == 0


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"\xff no JSON", "undecodable"),
        (b"{}", "undecodable"),
        (
            b'{"id": "a1f2b1d6-6f6e-4c9e-9a71-0e5b8c1f2d3e", "type": "user.registered.v1",'
            b' "data": {"user_id": "nobody"}}',
            "undecodable",
        ),
        (
            b'{"id": "a1f2b1d6-6f6e-4c9e-9a71-0e5b8c1f2d3e", "type": "cake.eaten.v1", "data": {}}',
            "unknown",
        ),
    ],
)
async def test_a_message_that_nobody_can_handle_is_a_dead_letter_at_once(
    settings: Settings, worker: punq.Container, run_queues: Queues, body: bytes, reason: str
) -> None:
    async with working(worker, settings):
        await run_queues.send(body)
        dead = await run_queues.take(run_queues.topology.dead_queue)
    assert (dead.body, dead.headers["x-reason"]) == (body, reason)


async def test_a_worker_that_loses_its_broker_goes_on_when_it_is_back(
    api: httpx2.AsyncClient, settings: Settings, database: Database, rabbitmq_proxy: Proxy
) -> None:
    there = {"host": "127.0.0.1", "port": rabbitmq_proxy.port}
    proxied = settings.model_copy(update={"rabbitmq": settings.rabbitmq.model_copy(update=there)})
    async with working(build_container(proxied), proxied):
        await welcomed(database, await register(api))
        rabbitmq_proxy.refuse()
        account = await register(api)
        await asyncio.sleep(0.3)
        rabbitmq_proxy.accept()
        await welcomed(database, account)
        await nothing_waits(database)


async def test_a_worker_that_is_stopped_waits_for_its_handlers_as_long_as_its_grace(
    settings: Settings, worker: punq.Container, run_queues: Queues
) -> None:
    started, may_finish, stop = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def handle(body: bytes) -> None:
        started.set()
        await may_finish.wait()

    worker.register(MessageHandler, instance=handle)
    impatient = settings.worker.model_copy(update={"shutdown_grace_seconds": 0.3})
    running = asyncio.create_task(work(worker, impatient, stop))
    await run_queues.send(b"{}")
    await asyncio.wait_for(started.wait(), 20)
    stop.set()
    await asyncio.wait_for(running, 20)
    may_finish.set()
    # What it did not wait for is not lost: it comes again.
    assert (await run_queues.take(run_queues.topology.queue)).body == b"{}"
