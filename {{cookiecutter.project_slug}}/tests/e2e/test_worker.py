"""From a request to the effect of its event, through the outbox and the worker."""

from typing import Any
from uuid import UUID

import httpx2
import orjson
import punq
import pytest
import structlog
from sqlalchemy import text

from src.repositories.postgres.engine import Database
from src.usecases.ports.messaging import MessageHandler
from src.utils.settings import Settings
from tests.machinery.support.outbox import emptied, rows
from tests.support.accounts import PASSWORD, Account, post
from tests.support.service import working
from tests.support.users import new_email
from tests.support.welcomes import notifications_of, welcomed

pytestmark = pytest.mark.usefixtures("empty_tables")
PROCESSED = text("SELECT 1 FROM processed_messages WHERE message_id = :message_id")


class Spy(MessageHandler):
    """Forwards messages to their handler, and records each with the context of its log lines."""

    def __init__(self, handle: MessageHandler) -> None:
        self._handle = handle
        self.seen: list[dict[str, Any]] = []

    async def __call__(self, body: bytes) -> None:
        context = structlog.contextvars.get_contextvars()
        self.seen.append({**orjson.loads(body), "context": context})
        await self._handle(body)


async def test_the_worker_welcomes_a_registered_user_once_with_the_request_id_in_its_logs(
    api: httpx2.AsyncClient, settings: Settings, database: Database, worker: punq.Container
) -> None:
    spy = Spy(worker.resolve(MessageHandler))
    worker.register(MessageHandler, instance=spy)
    async with working(worker, settings):
        headers = {"X-Request-ID": "the-registration"}
        body = {"email": new_email(), "password": PASSWORD}
        response = await api.post("/api/v1/auth/register", json=body, headers=headers)
        account = Account(api, response.json()["id"], response.json()["email"])
        await welcomed(database, account)
        await emptied(database)
    assert await notifications_of(database, account) == ["welcome"]
    [event] = spy.seen
    assert (event["type"], event["requestid"]) == ("user.registered.v1", "the-registration")
    assert event["context"]["request_id"] == "the-registration"
    assert len(await database.fetch(PROCESSED, {"message_id": UUID(event["id"])})) == 1


async def test_a_login_stores_no_event(
    account: Account, settings: Settings, database: Database, worker: punq.Container
) -> None:
    async with working(worker, settings):
        await welcomed(database, account)
        await emptied(database)
    await post(account.api, "login", email=account.email, password=PASSWORD)
    assert await rows(database) == []
