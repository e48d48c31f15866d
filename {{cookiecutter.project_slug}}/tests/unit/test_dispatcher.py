from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest

from src.consumers.dispatcher import EventDispatcher
from src.consumers.subscriptions import SUBSCRIPTIONS
from src.domain.events import EVENTS
from src.domain.user import User
from src.repositories.db.events import to_envelope
from src.usecases.ports.messaging import PermanentError
from src.usecases.ports.unit_of_work import UnitOfWorkFactory
from src.usecases.welcome_user import WelcomeUser
from tests.fakes.database import InMemoryDatabase

MESSAGE_ID, USER_ID = uuid4(), uuid4()


def event(**changed: Any) -> bytes:
    envelope = {
        "specversion": "1.0",
        "id": MESSAGE_ID,
        "type": "user.registered.v1",
        "source": "this-service",
        "data": {"user_id": USER_ID, "email": "ada@example.com"},
    }
    return orjson.dumps(envelope | changed)


@pytest.fixture
def dispatch(unit_of_work: UnitOfWorkFactory) -> EventDispatcher:
    use_cases = {WelcomeUser: WelcomeUser(unit_of_work)}
    own = [event.name for event in EVENTS]
    return EventDispatcher(SUBSCRIPTIONS, own, use_cases.__getitem__)


def welcomed(store: InMemoryDatabase) -> list[UUID]:
    return [notification.user_id for notification in store.rows.notifications.values()]


async def test_an_event_runs_the_use_case_that_subscribed_to_it(
    dispatch: EventDispatcher, store: InMemoryDatabase
) -> None:
    await dispatch(event())

    assert welcomed(store) == [USER_ID]
    assert store.rows.processed_messages == {MESSAGE_ID}


async def test_an_event_as_this_service_writes_it_can_be_read(
    dispatch: EventDispatcher, store: InMemoryDatabase, ada: User
) -> None:
    [registered] = store.rows.events

    await dispatch(orjson.dumps(to_envelope(registered, "this-service")))

    assert welcomed(store) == [ada.id]
    assert store.rows.processed_messages == {registered.event_id}


async def test_an_event_delivered_twice_counts_once(
    dispatch: EventDispatcher, store: InMemoryDatabase
) -> None:
    for _ in range(2):
        await dispatch(event())

    assert welcomed(store) == [USER_ID]


async def test_fields_that_nobody_knows_are_passed_over(
    dispatch: EventDispatcher, store: InMemoryDatabase
) -> None:
    await dispatch(event(traceparent="00-ab-cd-01", data={"user_id": USER_ID, "shoe_size": 43}))

    assert welcomed(store) == [USER_ID]


@pytest.mark.parametrize("event_type", ["user.password_changed.v1", "session.reuse_detected.v1"])
async def test_an_event_of_this_service_that_nothing_handles_is_passed_over(
    dispatch: EventDispatcher, store: InMemoryDatabase, event_type: str
) -> None:
    await dispatch(event(type=event_type))

    assert store.rows.processed_messages == set()


@pytest.mark.parametrize("event_type", ["", "user.registered.v2", "order.placed.v1", "*"])
async def test_an_event_that_nothing_handles_is_permanently_unknown(
    dispatch: EventDispatcher, event_type: str
) -> None:
    with pytest.raises(PermanentError) as refusal:
        await dispatch(event(type=event_type))

    assert refusal.value.reason == "unknown"


HOSTILE = {
    "nothing": b"",
    "no JSON": b"user registered",
    "no UTF-8": b"\xff\xfe",
    "no object": b"[]",
    "an object without end": b'{"a":' * 10_000,
    "no id": b'{"type": "user.registered.v1", "data": {}}',
    "an id that is no UUID": event(id="7"),
    "no type": orjson.dumps({"id": str(MESSAGE_ID), "data": {}}),
    "a type that is no text": event(type=1),
    "no data": orjson.dumps({"id": str(MESSAGE_ID), "type": "user.registered.v1"}),
    "data that is no object": event(data="user"),
    "data without the user": event(data={"email": "ada@example.com"}),
    "a user that is no UUID": event(data={"user_id": "ada"}),
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
async def test_what_cannot_be_read_is_permanently_undecodable(
    dispatch: EventDispatcher, store: InMemoryDatabase, body: bytes
) -> None:
    with pytest.raises(PermanentError) as refusal:
        await dispatch(body)

    assert refusal.value.reason == "undecodable"
    assert str(refusal.value)
    assert store.rows.processed_messages == set()


async def test_a_use_case_that_fails_may_be_tried_again() -> None:
    class Failing:
        async def execute(self, **_: object) -> None:
            raise ConnectionError("later, perhaps")

    dispatch = EventDispatcher(SUBSCRIPTIONS, [], lambda _: Failing())

    with pytest.raises(ConnectionError):
        await dispatch(event())


def test_every_subscription_is_for_a_versioned_event() -> None:
    for event_type in SUBSCRIPTIONS:
        assert event_type.rpartition(".")[2].startswith("v")
