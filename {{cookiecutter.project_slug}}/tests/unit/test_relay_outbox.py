from uuid import uuid4

import pytest

from src.usecases.ports.publishing import BrokerUnavailableError, OutboxMessage
from src.usecases.relay_outbox import BATCH_SIZE, RelayOutbox
from tests.fakes.clock import MovableClock
from tests.fakes.outbox import InMemoryOutbox
from tests.fakes.publisher import InMemoryEventPublisher


def message(sequence: int) -> OutboxMessage:
    return OutboxMessage(
        sequence=sequence,
        event_id=uuid4(),
        event_type="user.registered.v1",
        envelope={"requestid": "a-request"},
        attempts=0,
    )


@pytest.fixture
def outbox(clock: MovableClock) -> InMemoryOutbox:
    outbox = InMemoryOutbox(clock)
    for sequence in (1, 2, 3):
        outbox.add(message(sequence))
    return outbox


@pytest.fixture
def publisher() -> InMemoryEventPublisher:
    return InMemoryEventPublisher()


@pytest.fixture
def relay_outbox(outbox: InMemoryOutbox, publisher: InMemoryEventPublisher) -> RelayOutbox:
    return RelayOutbox(outbox, publisher)


async def test_what_is_published_leaves_the_outbox(
    relay_outbox: RelayOutbox, outbox: InMemoryOutbox, publisher: InMemoryEventPublisher
) -> None:
    assert await relay_outbox.execute() == 3

    assert [message.sequence for message in publisher.published] == [1, 2, 3]
    assert outbox.waiting == []
    assert await relay_outbox.execute() == 0


async def test_what_was_refused_stays_with_its_error_and_holds_up_nothing(
    relay_outbox: RelayOutbox, outbox: InMemoryOutbox, publisher: InMemoryEventPublisher
) -> None:
    publisher.refused = {2: "no route"}

    assert await relay_outbox.execute() == 3

    assert [message.sequence for message in publisher.published] == [1, 3]
    [waiting] = outbox.waiting
    assert (waiting.message.sequence, waiting.message.attempts) == (2, 1)
    assert waiting.last_error == "no route"


async def test_what_was_refused_is_published_later(
    relay_outbox: RelayOutbox,
    outbox: InMemoryOutbox,
    publisher: InMemoryEventPublisher,
    clock: MovableClock,
) -> None:
    publisher.refused = {2: "no route"}
    await relay_outbox.execute()
    publisher.refused = {}

    assert await relay_outbox.execute() == 0
    clock.advance(seconds=1)
    assert await relay_outbox.execute() == 1

    assert [message.sequence for message in publisher.published] == [1, 3, 2]
    assert outbox.waiting == []


async def test_a_broker_that_is_away_leaves_the_outbox_untouched(
    relay_outbox: RelayOutbox, outbox: InMemoryOutbox, publisher: InMemoryEventPublisher
) -> None:
    publisher.is_available = False

    with pytest.raises(BrokerUnavailableError):
        await relay_outbox.execute()

    assert publisher.published == []
    assert [row.message.attempts for row in outbox.waiting] == [0, 0, 0]
    assert all(row.last_error is None for row in outbox.waiting)


async def test_a_long_outbox_is_relayed_in_batches(
    relay_outbox: RelayOutbox, outbox: InMemoryOutbox
) -> None:
    for sequence in range(4, BATCH_SIZE + 11):
        outbox.add(message(sequence))

    assert [await relay_outbox.execute() for _ in range(3)] == [BATCH_SIZE, 10, 0]
