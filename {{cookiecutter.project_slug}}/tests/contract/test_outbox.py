import asyncio
from functools import partial

import punq
import pytest

from src.domain.events import Event
from src.repositories.db.engine import Database
from src.repositories.db.events import store_events
from src.usecases.ports.publishing import Outbox, OutboxMessage, PublishError
from tests.contract.conftest import waiting_for
from tests.support.outboxes import FakeOutbox, OutboxUnderTest
from tests.support.users import new_user


class Recipient:
    """Keeps what it was given, and fails as it is told."""

    def __init__(self) -> None:
        self.published: list[OutboxMessage] = []
        self.errors: dict[str, Exception] = {}
        """What goes wrong with an event, by its id."""
        self.is_open = asyncio.Event()
        self.is_open.set()

    async def publish(self, message: OutboxMessage) -> None:
        await self.is_open.wait()
        error = self.errors.get(str(message.event_id))
        if error is not None:
            raise error
        self.published.append(message)

    @property
    def ids(self) -> list[str]:
        return [str(message.event_id) for message in self.published]


@pytest.fixture(params=["fake", "real"])
def outbox(request: pytest.FixtureRequest) -> OutboxUnderTest:
    if request.param == "fake":
        fake = FakeOutbox()
        return OutboxUnderTest(fake.outbox, fake.add, fake.wait)
    request.getfixturevalue("empty_tables")
    container: punq.Container = request.getfixturevalue("container")
    database: Database = container.resolve(Database)

    async def add(event: Event) -> None:
        transaction = database.transaction()
        await store_events(transaction, [event], "tests")
        await transaction.commit()
        await transaction.aclose()

    return OutboxUnderTest(container.resolve(Outbox), add, partial(asyncio.sleep, 1.05))


@pytest.fixture
def recipient() -> Recipient:
    return Recipient()


@pytest.fixture
async def events(outbox: OutboxUnderTest) -> list[Event]:
    """Three events that wait to be published."""
    events = [event for _ in range(3) for event in new_user().events]
    for event in events:
        await outbox.add(event)
    return events


def ids(events: list[Event]) -> list[str]:
    return [str(event.event_id) for event in events]


async def test_an_empty_outbox_has_nothing_to_relay(
    outbox: OutboxUnderTest, recipient: Recipient
) -> None:
    assert await outbox.outbox.relay(10, recipient.publish) == 0
    assert recipient.published == []


async def test_events_are_relayed_oldest_first_and_once(
    outbox: OutboxUnderTest, recipient: Recipient, events: list[Event]
) -> None:
    assert await outbox.outbox.relay(10, recipient.publish) == 3
    assert await outbox.outbox.relay(10, recipient.publish) == 0

    assert recipient.ids == ids(events)
    sequences = [message.sequence for message in recipient.published]
    assert sequences == sorted(sequences)


async def test_a_message_carries_its_event_as_json_data(
    outbox: OutboxUnderTest, recipient: Recipient, events: list[Event]
) -> None:
    await outbox.outbox.relay(1, recipient.publish)

    [message] = recipient.published
    assert message.event_type == "user.registered.v1"
    assert message.attempts == 0
    assert message.envelope["id"] == str(events[0].event_id)
    assert message.envelope["time"] == events[0].occurred_at.isoformat()
    assert message.envelope["data"]["user_id"] == str(events[0].aggregate_id)


async def test_no_more_events_are_relayed_at_once_than_the_limit(
    outbox: OutboxUnderTest, recipient: Recipient, events: list[Event]
) -> None:
    sizes = [await outbox.outbox.relay(2, recipient.publish) for _ in range(3)]

    assert sizes == [2, 1, 0]
    assert recipient.ids == ids(events)


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(PublishError("no route"), id="refused"),
        pytest.param(TypeError("a bug"), id="an error nobody thought of"),
        pytest.param(PublishError("a \0 and a \ud800 within"), id="a text that is hard to keep"),
    ],
)
async def test_an_event_that_failed_stays_and_does_not_hold_up_the_others(
    outbox: OutboxUnderTest, recipient: Recipient, events: list[Event], error: Exception
) -> None:
    first, second, third = ids(events)
    recipient.errors[second] = error

    await outbox.outbox.relay(10, recipient.publish)
    recipient.errors.clear()

    assert recipient.ids == [first, third]
    assert await outbox.outbox.relay(10, recipient.publish) == 0
    await outbox.wait()
    assert await outbox.outbox.relay(10, recipient.publish) == 1
    assert recipient.ids == [first, third, second]
    assert recipient.published[-1].attempts == 1


async def test_an_event_that_failed_twice_waits_longer(
    outbox: OutboxUnderTest, recipient: Recipient, events: list[Event]
) -> None:
    recipient.errors = dict.fromkeys(ids(events), PublishError("no route"))
    await outbox.outbox.relay(10, recipient.publish)
    await outbox.wait()
    await outbox.outbox.relay(10, recipient.publish)

    await outbox.wait()
    assert await outbox.outbox.relay(10, recipient.publish) == 0
    await outbox.wait()
    assert await outbox.outbox.relay(10, recipient.publish) == 3


async def test_two_relays_at_once_do_not_take_the_same_event(
    outbox: OutboxUnderTest, recipient: Recipient, events: list[Event]
) -> None:
    recipient.is_open.clear()
    async with waiting_for(outbox.outbox.relay(2, recipient.publish)) as first:
        other = Recipient()
        assert await outbox.outbox.relay(10, other.publish) == 1
        recipient.is_open.set()

    assert first.result() == 2
    assert sorted(recipient.ids + other.ids) == sorted(ids(events))


async def test_events_that_come_while_others_are_published_are_not_lost(
    outbox: OutboxUnderTest, recipient: Recipient, events: list[Event]
) -> None:
    [late] = new_user().events
    recipient.is_open.clear()
    async with waiting_for(outbox.outbox.relay(10, recipient.publish)):
        await outbox.add(late)
        recipient.is_open.set()

    assert await outbox.outbox.relay(10, recipient.publish) == 1
    assert recipient.ids == [*ids(events), str(late.event_id)]


async def test_a_relay_that_is_cancelled_leaves_its_events_to_the_next(
    outbox: OutboxUnderTest, recipient: Recipient, events: list[Event]
) -> None:
    recipient.is_open.clear()
    async with waiting_for(outbox.outbox.relay(10, recipient.publish)) as first:
        first.cancel()

    assert first.cancelled()
    recipient.is_open.set()
    assert await outbox.outbox.relay(10, recipient.publish) == 3
    assert recipient.ids == ids(events)
