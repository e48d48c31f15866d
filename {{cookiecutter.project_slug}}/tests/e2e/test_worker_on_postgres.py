"""The worker, with Postgres as its queue."""

import asyncio
from typing import Any

import punq
import pytest

from src.config import Settings
from src.consume_worker import work
from src.repositories.db.engine import Database
from src.usecases.ports.messaging import DeadLetters, MessageHandler
from tests.support.accounts import PASSWORD, Account
from tests.support.events import Spy, kinds, nothing_waits, welcomed
from tests.support.queued import put, rows, take_and_die
from tests.support.service import working
from tests.support.waiting import eventually

pytestmark = pytest.mark.usefixtures("empty_tables")
EVENT_ID = "a1f2b1d6-6f6e-4c9e-9a71-0e5b8c1f2d3e"


async def test_an_event_that_comes_twice_has_its_effect_once(
    account: Account, settings: Settings, database: Database, spy: Spy
) -> None:
    [row] = await rows(database)
    async with working(spy.worker, settings):
        await welcomed(database, account)
        await nothing_waits(database)
        await put(database, **row.envelope)
        await nothing_waits(database)
    assert [event["id"] for event in spy.seen] == [str(row.event_id)] * 2
    assert await kinds(database, account.id) == ["welcome"]


async def test_an_event_whose_worker_was_killed_has_its_effect_from_the_next(
    account: Account, settings: Settings, database: Database, worker: punq.Container
) -> None:
    assert len(await take_and_die(database)) == 1
    async with working(worker, settings):
        await welcomed(database, account)
        await nothing_waits(database)
    assert await kinds(database, account.id) == ["welcome"]


async def test_an_event_that_this_service_does_not_handle_itself_is_not_a_dead_letter(
    account: Account, settings: Settings, database: Database, spy: Spy
) -> None:
    login = await account.log_in()
    await login.change_password(PASSWORD, "another passphrase that nobody has")
    async with working(spy.worker, settings):
        await nothing_waits(database)
    assert "user.password_changed.v1" in {event["type"] for event in spy.seen}


@pytest.mark.parametrize(
    ("envelope", "reason"),
    [
        ({}, "undecodable"),
        ({"id": EVENT_ID, "type": "user.registered.v1", "data": {"user_id": "?"}}, "undecodable"),
        ({"id": EVENT_ID, "type": "cake.eaten.v1", "data": {}}, "unknown"),
    ],
)
async def test_a_message_that_nobody_can_handle_is_a_dead_letter_at_once(
    settings: Settings,
    database: Database,
    worker: punq.Container,
    envelope: dict[str, Any],
    reason: str,
) -> None:
    letters: DeadLetters = worker.resolve(DeadLetters)
    async with working(worker, settings):
        event_id = await put(database, **envelope)
        [letter] = await eventually(letters.read)
    assert (letter.event_id, letter.reason) == (str(event_id), reason)


async def test_a_worker_that_is_stopped_waits_for_its_handlers_as_long_as_its_grace(
    settings: Settings, database: Database, worker: punq.Container
) -> None:
    started, may_finish, stop = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def handle(body: bytes) -> None:
        started.set()
        await may_finish.wait()

    worker.register(MessageHandler, instance=handle)
    impatient = settings.worker.model_copy(update={"shutdown_grace_seconds": 0.3})
    await put(database)
    running = asyncio.create_task(work(worker, impatient, stop))
    await asyncio.wait_for(started.wait(), 20)
    stop.set()
    await asyncio.wait_for(running, 20)
    may_finish.set()
    # What it did not wait for is not lost: it comes again.
    assert len(await rows(database)) == 1
