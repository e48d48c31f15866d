"""From a request to the effect of its event, through the outbox, RabbitMQ and the worker."""

from uuid import UUID

import httpx2
import orjson
import punq
import pytest
from sqlalchemy import text

from src.config import Settings
from src.container import build_container
from src.repositories.db.engine import Database
from tests.support.accounts import PASSWORD, Account, post, register
from tests.support.amqp import Queues
from tests.support.events import WAITING, Spy, all_published, kinds, welcomed
from tests.support.service import working
from tests.support.users import new_email
from tests.support.waiting import eventually

pytestmark = pytest.mark.usefixtures("empty_tables")
EVENT = text("SELECT envelope FROM outbox_messages WHERE envelope ->> 'subject' = :id")
PROCESSED = text("SELECT 1 FROM processed_messages WHERE message_id = :message_id")


async def test_a_registration_is_welcomed_once_by_the_worker_under_the_request_s_id(
    api: httpx2.AsyncClient,
    settings: Settings,
    database: Database,
    spy: Spy,
) -> None:
    async with working(spy.worker, settings):
        headers = {"X-Request-ID": "the-registration"}
        body = {"email": new_email(), "password": PASSWORD}
        response = await api.post("/api/v1/auth/register", json=body, headers=headers)
        account = Account(api, response.json()["id"], response.json()["email"])
        await welcomed(database, account)
        await all_published(database)
    assert await kinds(database, account.id) == ["welcome"]
    [event] = spy.seen
    assert (event["type"], event["requestid"]) == ("user.registered.v1", "the-registration")
    assert event["context"]["request_id"] == "the-registration"
    assert len(await database.fetch(PROCESSED, {"message_id": UUID(event["id"])})) == 1


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
        await all_published(database)
    assert await kinds(database, account.id) == ["welcome"]


async def test_an_event_that_happened_while_no_worker_ran_is_not_lost(
    account: Account, settings: Settings, database: Database, worker: punq.Container
) -> None:
    assert await kinds(database, account.id) == []
    async with working(worker, settings):
        await welcomed(database, account)


async def test_two_workers_at_once_welcome_each_user_once(
    api: httpx2.AsyncClient, settings: Settings, database: Database, worker: punq.Container
) -> None:
    async with working(worker, settings), working(build_container(settings), settings):
        accounts = [await register(api) for _ in range(6)]
        for account in accounts:
            await welcomed(database, account)
        await all_published(database)
    for account in accounts:
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


async def test_a_login_is_no_event(
    account: Account, settings: Settings, database: Database, worker: punq.Container
) -> None:
    async with working(worker, settings):
        await welcomed(database, account)
        await all_published(database)
    await post(account.api, "login", email=account.email, password=PASSWORD)
    assert await database.fetch(WAITING) == []
