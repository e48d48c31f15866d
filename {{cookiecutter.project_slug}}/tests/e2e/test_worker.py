"""From a request to the effect of its event, through the outbox and the worker."""

from uuid import UUID

import httpx2
import punq
import pytest
from sqlalchemy import text
from src.repositories.db.engine import Database

from src.config import Settings
from src.container import build_container
from tests.support.accounts import PASSWORD, Account, post, register
from tests.support.events import WAITING, Spy, kinds, nothing_waits, welcomed
from tests.support.service import working
from tests.support.users import new_email

pytestmark = pytest.mark.usefixtures("empty_tables")
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
        await nothing_waits(database)
    assert await kinds(database, account.id) == ["welcome"]
    [event] = spy.seen
    assert (event["type"], event["requestid"]) == ("user.registered.v1", "the-registration")
    assert event["context"]["request_id"] == "the-registration"
    assert len(await database.fetch(PROCESSED, {"message_id": UUID(event["id"])})) == 1


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
        await nothing_waits(database)
    for account in accounts:
        assert await kinds(database, account.id) == ["welcome"]


async def test_a_login_is_no_event(
    account: Account, settings: Settings, database: Database, worker: punq.Container
) -> None:
    async with working(worker, settings):
        await welcomed(database, account)
        await nothing_waits(database)
    await post(account.api, "login", email=account.email, password=PASSWORD)
    assert await database.fetch(WAITING) == []
