"""The dispatcher with consumers of its own, on the in-memory database."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest
from pydantic import BaseModel

from src.consumers.dispatcher import EventDispatcher
from src.consumers.subscription import Subscription, UseCaseSubscription
from src.usecases.ports.messaging import PermanentError, UnknownEventError
from src.usecases.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from tests.fakes.database import InMemoryDatabase
from tests.fakes.inbox import ProcessedMessage

HANDLED = "machinery.handled.v1"
CALLED = "machinery.called.v1"
OWN = "machinery.own.v1"
MESSAGE_ID = uuid4()
EFFECT_ID = uuid4()


class HandledV1(BaseModel):
    effect_id: UUID


async def consume(event: HandledV1, uow: UnitOfWork) -> None:
    """Have an effect that the tests can see: a second entry of the inbox."""
    await uow.inbox.claim(event.effect_id)


@dataclass
class UseCase:
    """A use case that handles an event in a unit of work of its own."""

    unit_of_work: UnitOfWorkFactory

    async def execute(self, *, event_id: UUID, event: HandledV1) -> None:
        async with self.unit_of_work() as uow:
            if await uow.inbox.claim(event_id):
                await uow.inbox.claim(event.effect_id)
                await uow.commit()


NewDispatcher = Callable[[Callable[[HandledV1, UnitOfWork], Awaitable[None]]], EventDispatcher]


@pytest.fixture
def new_dispatcher(unit_of_work: UnitOfWorkFactory) -> NewDispatcher:
    """Return a function that makes a dispatcher with a given consumer."""

    def create(consume: Callable[[HandledV1, UnitOfWork], Awaitable[None]]) -> EventDispatcher:
        return EventDispatcher(
            unit_of_work=unit_of_work,
            subscriptions={
                HANDLED: Subscription(HANDLED, HandledV1, consume),
                CALLED: UseCaseSubscription(CALLED, HandledV1, UseCase),
            },
            use_cases={UseCase: UseCase(unit_of_work)},
            own_events=[OWN],
        )

    return create


@pytest.fixture
def dispatch(new_dispatcher: NewDispatcher) -> EventDispatcher:
    return new_dispatcher(consume)


def message(**changed: Any) -> bytes:
    """Return a message with this envelope, or another one."""
    envelope = {
        "specversion": "1.0",
        "id": MESSAGE_ID,
        "type": HANDLED,
        "source": "this-service",
        "data": {"effect_id": EFFECT_ID},
    }
    return orjson.dumps(envelope | changed)


def committed(store: InMemoryDatabase) -> list[UUID]:
    """Return the ids in the inbox: of the message, then of its effect."""
    return [entry.id for entry in store.all(ProcessedMessage)]


@pytest.mark.parametrize("event_type", [HANDLED, CALLED])
async def test_the_effect_is_committed_together_with_the_claim_of_the_message(
    dispatch: EventDispatcher, store: InMemoryDatabase, event_type: str
) -> None:
    await dispatch(message(type=event_type))

    assert committed(store) == [MESSAGE_ID, EFFECT_ID]


async def test_a_repeated_message_does_not_reach_the_consumer_again(
    new_dispatcher: NewDispatcher, store: InMemoryDatabase
) -> None:
    seen = []

    async def record(event: HandledV1, uow: UnitOfWork) -> None:
        seen.append(event)

    dispatch = new_dispatcher(record)

    for _ in range(2):
        await dispatch(message())

    assert seen == [HandledV1(effect_id=EFFECT_ID)]
    assert committed(store) == [MESSAGE_ID]


async def test_two_concurrent_deliveries_of_one_message_have_one_effect(
    new_dispatcher: NewDispatcher,
) -> None:
    seen = []

    async def record(event: HandledV1, uow: UnitOfWork) -> None:
        await asyncio.sleep(0)
        seen.append(event)

    dispatch = new_dispatcher(record)

    await asyncio.gather(*(dispatch(message()) for _ in range(2)))

    assert len(seen) == 1


async def test_two_messages_have_two_effects(
    dispatch: EventDispatcher, store: InMemoryDatabase
) -> None:
    ids = [uuid4() for _ in range(4)]

    await dispatch(message(id=ids[0], data={"effect_id": ids[1]}))
    await dispatch(message(id=ids[2], data={"effect_id": ids[3]}))

    assert committed(store) == ids


async def test_an_exception_in_the_consumer_leaves_nothing_behind_and_a_retry_succeeds(
    new_dispatcher: NewDispatcher, store: InMemoryDatabase
) -> None:
    failures = [ConnectionError("perhaps later")]

    async def fail_once(event: HandledV1, uow: UnitOfWork) -> None:
        await consume(event, uow)
        if failures:
            raise failures.pop()

    dispatch = new_dispatcher(fail_once)

    with pytest.raises(ConnectionError):
        await dispatch(message())
    assert committed(store) == []

    await dispatch(message())
    assert committed(store) == [MESSAGE_ID, EFFECT_ID]


async def test_unknown_fields_of_the_envelope_and_of_the_data_are_ignored(
    dispatch: EventDispatcher, store: InMemoryDatabase
) -> None:
    data = {"effect_id": EFFECT_ID, "shoe_size": 43}

    await dispatch(message(traceparent="00-ab-cd-01", data=data))

    assert committed(store) == [MESSAGE_ID, EFFECT_ID]


async def test_an_event_of_this_service_without_a_consumer_is_ignored(
    dispatch: EventDispatcher, store: InMemoryDatabase
) -> None:
    await dispatch(message(type=OWN))

    assert committed(store) == []


@pytest.mark.parametrize("event_type", ["", "machinery.handled.v2", "machinery.unknown.v1", "*"])
async def test_an_event_of_an_unknown_type_is_an_error_of_its_own(
    dispatch: EventDispatcher, store: InMemoryDatabase, event_type: str
) -> None:
    with pytest.raises(UnknownEventError) as refusal:
        await dispatch(message(type=event_type))

    assert refusal.value.reason == "unknown"
    assert committed(store) == []


MALFORMED = {
    "empty": b"",
    "no JSON": b"machinery handled",
    "no UTF-8": b"\xff\xfe",
    "no object": b"[]",
    "an endless object": b'{"a":' * 10_000,
    "no id": orjson.dumps({"type": HANDLED, "data": {}}),
    "an id that is no UUID": message(id="7"),
    "no type": orjson.dumps({"id": str(MESSAGE_ID), "data": {}}),
    "a type that is no text": message(type=1),
    "no data": orjson.dumps({"id": str(MESSAGE_ID), "type": HANDLED}),
    "data that is no object": message(data="effect"),
    "data without a required fact": message(data={"shoe_size": 43}),
    "a fact of the wrong type": message(data={"effect_id": "first"}),
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
async def test_a_malformed_message_is_a_permanent_error(
    dispatch: EventDispatcher, store: InMemoryDatabase, body: bytes
) -> None:
    with pytest.raises(PermanentError) as refusal:
        await dispatch(body)

    assert refusal.value.reason == "undecodable"
    assert str(refusal.value)
    assert committed(store) == []


async def test_the_error_of_a_malformed_message_does_not_contain_its_values(
    dispatch: EventDispatcher,
) -> None:
    with pytest.raises(PermanentError) as refusal:
        await dispatch(message(data={"effect_id": "ada@example.com"}))

    assert "effect_id" in str(refusal.value)
    assert "ada@example.com" not in str(refusal.value)
