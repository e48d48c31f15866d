"""The outbox: an event leaves it when it was published, and at no other time."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
import structlog
from sqlalchemy import Row, select, text

from src.domain.user import User
from src.repositories.db.engine import Database
from src.repositories.db.models import OutboxRow
from src.repositories.db.outbox import DBOutbox
from src.usecases.ports.unit_of_work import UnitOfWorkFactory
from tests.support.users import new_user

pytestmark = pytest.mark.usefixtures("empty_tables")


class Publisher:
    """Takes what it is given, except for events whose type is in `refused`."""

    error: BaseException = LookupError("No queue takes it.")

    def __init__(self, *refused: str) -> None:
        self._refused = refused
        self.published: list[Row[Any]] = []

    async def __call__(self, event: Row[Any]) -> None:
        if event.event_type in self._refused:
            raise self.error
        self.published.append(event)

    @property
    def envelopes(self) -> list[dict[str, Any]]:
        return [orjson.loads(event.body) for event in self.published]


@pytest.fixture
def outbox(database: Database) -> DBOutbox:
    return DBOutbox(database)


async def store(unit_of_work: UnitOfWorkFactory, users: int) -> list[User]:
    """Register so many users, in one transaction, each with an event."""
    registered = [new_user() for _ in range(users)]
    async with unit_of_work() as uow:
        for user in registered:
            await uow.users.create_user(user)
        await uow.commit()
    return registered


async def rows(database: Database) -> list[Any]:
    """Return what is in the outbox."""
    return list(await database.fetch(select(OutboxRow.__table__).order_by(OutboxRow.sequence)))


async def make_due(database: Database) -> None:
    """End every wait."""
    await database.fetch(text("UPDATE outbox_messages SET available_at = now() RETURNING sequence"))


async def test_an_event_is_handed_over_as_a_cloud_event(
    unit_of_work: UnitOfWorkFactory, outbox: DBOutbox, settings: Any
) -> None:
    with structlog.contextvars.bound_contextvars(request_id="the-request"):
        [user] = await store(unit_of_work, 1)
    publish = Publisher()
    assert await outbox.relay(10, publish) == [None]
    [event] = publish.published
    assert (event.event_type, event.request_id) == ("user.registered.v1", "the-request")
    assert event.attempts == 0
    assert publish.envelopes[0] == {
        "specversion": "1.0",
        "id": str(event.event_id),
        "source": settings.app.name,
        "type": "user.registered.v1",
        "subject": str(user.id),
        "time": user.created_at.isoformat(),
        "datacontenttype": "application/json",
        "aggregateversion": 1,
        "requestid": "the-request",
        "data": {"user_id": str(user.id), "email": user.email},
    }


async def test_the_event_of_a_user_loaded_from_the_database_is_stored_too(
    unit_of_work: UnitOfWorkFactory, outbox: DBOutbox, user: User
) -> None:
    async with unit_of_work() as uow:
        loaded = await uow.users.load_user_for_update(user.id)
        loaded.change_password("another hash", datetime.now(UTC))
        await uow.users.update_user_password(loaded)
        await uow.commit()
    publish = Publisher()
    await outbox.relay(10, publish)
    changed = publish.envelopes[-1]
    assert (changed["type"], changed["aggregateversion"]) == ("user.password_changed.v1", 2)
    assert (changed["subject"], changed["data"]) == (str(user.id), {"user_id": str(user.id)})


async def test_what_was_published_is_gone_and_is_not_published_again(
    unit_of_work: UnitOfWorkFactory, outbox: DBOutbox, database: Database
) -> None:
    users = await store(unit_of_work, 3)
    publish = Publisher()
    assert await outbox.relay(10, publish) == [None] * 3
    assert {it["subject"] for it in publish.envelopes} == {str(user.id) for user in users}
    assert await rows(database) == []
    assert await outbox.relay(10, publish) == []


async def test_the_oldest_come_first_and_never_more_than_the_limit(
    unit_of_work: UnitOfWorkFactory, outbox: DBOutbox
) -> None:
    users = [*await store(unit_of_work, 2), *await store(unit_of_work, 2)]
    publish = Publisher()
    assert [len(await outbox.relay(3, publish)) for _ in range(3)] == [3, 1, 0]
    assert [it["subject"] for it in publish.envelopes] == [str(user.id) for user in users]


async def test_an_event_that_failed_stays_with_its_error_and_comes_back_later_each_time(
    unit_of_work: UnitOfWorkFactory, outbox: DBOutbox, database: Database
) -> None:
    await store(unit_of_work, 1)
    publish = Publisher("user.registered.v1")
    for attempts, wait in ((1, 1), (2, 2), (3, 4)):
        assert await outbox.relay(10, publish) == [publish.error]
        assert await outbox.relay(10, publish) == []  # not due yet
        [row] = await rows(database)
        assert (row.attempts, row.last_error) == (attempts, "LookupError: No queue takes it.")
        delay = row.available_at - datetime.now(UTC)
        assert timedelta(seconds=wait - 1) < delay <= timedelta(seconds=wait)
        await make_due(database)
    recovered = Publisher()
    assert await outbox.relay(10, recovered) == [None]
    assert recovered.published[0].attempts == 3


async def test_an_event_that_fails_for_ever_is_tried_once_a_minute(
    unit_of_work: UnitOfWorkFactory, outbox: DBOutbox, database: Database
) -> None:
    await store(unit_of_work, 1)
    await database.fetch(text("UPDATE outbox_messages SET attempts = 2000 RETURNING sequence"))
    await outbox.relay(10, Publisher("user.registered.v1"))
    [row] = await rows(database)
    assert timedelta(seconds=59) < row.available_at - datetime.now(UTC) <= timedelta(seconds=60)


async def test_an_event_that_fails_holds_up_no_other(
    unit_of_work: UnitOfWorkFactory, outbox: DBOutbox, database: Database, user: User
) -> None:
    async with unit_of_work() as uow:
        loaded = await uow.users.load_user_for_update(user.id)
        loaded.change_password("another hash", datetime.now(UTC))
        await uow.users.update_user_password(loaded)
        await uow.commit()
    publish = Publisher("user.registered.v1")
    assert await outbox.relay(10, publish) == [publish.error, None]
    assert [m.event_type for m in publish.published] == ["user.password_changed.v1"]
    assert [row.event_type for row in await rows(database)] == ["user.registered.v1"]


async def test_two_relays_at_once_never_take_the_same_event(
    unit_of_work: UnitOfWorkFactory, outbox: DBOutbox
) -> None:
    await store(unit_of_work, 20)
    taken: list[int] = []
    all_taken = asyncio.Event()

    async def publish(event: Row[Any]) -> None:
        taken.append(event.sequence)
        if len(taken) == 20:
            all_taken.set()
        await all_taken.wait()  # so that both hold their locks at the same time

    sizes = await asyncio.gather(*(outbox.relay(10, publish) for _ in range(2)))
    assert sizes == [[None] * 10] * 2
    assert len(set(taken)) == 20


async def test_a_relay_that_is_cancelled_leaves_its_events_to_others(
    unit_of_work: UnitOfWorkFactory, outbox: DBOutbox
) -> None:
    await store(unit_of_work, 2)
    publishing = asyncio.Event()

    async def hang(event: Row[Any]) -> None:
        publishing.set()
        await asyncio.sleep(60)

    relay = asyncio.create_task(outbox.relay(10, hang))
    await publishing.wait()
    assert await outbox.relay(10, Publisher()) == []
    relay.cancel()
    with pytest.raises(asyncio.CancelledError):
        await relay
    publish = Publisher()
    assert await outbox.relay(10, publish) == [None] * 2
    assert [m.attempts for m in publish.published] == [0, 0]


@pytest.mark.parametrize(
    ("error", "kept"),
    [
        pytest.param(TypeError("a bug"), "TypeError: a bug", id="one that nobody thought of"),
        pytest.param(OSError("\0 \ud800"), "OSError: \\0 \\ud800", id="a text hard to keep"),
        pytest.param(asyncio.CancelledError(), "CancelledError: ", id="cancelled by its library"),
    ],
)
async def test_whatever_error_publishing_ends_with_the_event_stays_and_the_others_go(
    unit_of_work: UnitOfWorkFactory,
    outbox: DBOutbox,
    database: Database,
    error: BaseException,
    kept: str,
) -> None:
    first, second, third = await store(unit_of_work, 3)
    publish = Publisher()

    async def fail_once(event: Row[Any]) -> None:
        if orjson.loads(event.body)["subject"] == str(second.id):
            raise error
        await publish(event)

    outcomes = await outbox.relay(10, fail_once)
    assert [type(outcome) for outcome in outcomes] == [type(None), type(error), type(None)]
    assert [it["subject"] for it in publish.envelopes] == [str(first.id), str(third.id)]
    [row] = await rows(database)
    assert (row.attempts, row.last_error) == (1, kept)
    await make_due(database)
    assert await outbox.relay(10, publish) == [None]
    assert publish.published[-1].attempts == 1


async def test_events_that_come_while_others_are_published_are_not_lost(
    unit_of_work: UnitOfWorkFactory, outbox: DBOutbox
) -> None:
    await store(unit_of_work, 1)
    late: list[User] = []
    publish = Publisher()

    async def store_another(event: Row[Any]) -> None:
        late.extend(await store(unit_of_work, 1))
        await publish(event)

    assert await outbox.relay(10, store_another) == [None]
    assert await outbox.relay(10, publish) == [None]
    assert publish.envelopes[-1]["subject"] == str(late[0].id)
