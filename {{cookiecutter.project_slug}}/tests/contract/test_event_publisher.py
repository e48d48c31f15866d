from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import uuid4

import pytest

from src.repositories.rabbitmq.connection import RabbitMQBroker
from src.repositories.rabbitmq.publisher import RabbitMQEventPublisher
from src.repositories.rabbitmq.topology import Topology
from src.usecases.ports.publishing import (
    BrokerUnavailableError,
    EventPublisher,
    OutboxMessage,
    PublishError,
)
from tests.fakes.publisher import InMemoryEventPublisher

MESSAGE = OutboxMessage(
    sequence=1,
    event_id=uuid4(),
    event_type="user.registered.v1",
    envelope={"specversion": "1.0", "requestid": None},
    attempts=0,
)


@pytest.fixture(params=["fake", "real"])
def make_publisher(request: pytest.FixtureRequest) -> EventPublisher:
    if request.param == "fake":
        return InMemoryEventPublisher()
    broker: RabbitMQBroker = request.getfixturevalue("broker")
    topology: Topology = request.getfixturevalue("topology")
    return RabbitMQEventPublisher(broker, topology)


@pytest.fixture
async def publisher(make_publisher: EventPublisher) -> AsyncIterator[EventPublisher]:
    yield make_publisher
    await make_publisher.aclose()


@pytest.fixture(params=["fake", "real"])
def unreachable(request: pytest.FixtureRequest) -> EventPublisher:
    if request.param == "fake":
        return InMemoryEventPublisher(is_available=False)
    nowhere = RabbitMQBroker(host="127.0.0.1", port=1, user="x", password="x", vhost="/")
    return RabbitMQEventPublisher(nowhere, Topology(name="x", retry_delays=[], event_types=[]))


async def test_an_event_is_accepted_once_connected(publisher: EventPublisher) -> None:
    await publisher.connect()

    await publisher.publish(MESSAGE)


async def test_connecting_again_changes_nothing(publisher: EventPublisher) -> None:
    for _ in range(3):
        await publisher.connect()
        await publisher.publish(MESSAGE)


async def test_an_event_that_no_queue_takes_is_refused_and_the_next_is_accepted(
    publisher: EventPublisher,
) -> None:
    await publisher.connect()

    with pytest.raises(PublishError):
        await publisher.publish(replace(MESSAGE, event_type="nobody.listens.v1"))

    await publisher.publish(MESSAGE)


async def test_nothing_is_accepted_before_connecting(publisher: EventPublisher) -> None:
    with pytest.raises(PublishError):
        await publisher.publish(MESSAGE)


async def test_a_closed_publisher_accepts_nothing_until_it_is_connected_again(
    publisher: EventPublisher,
) -> None:
    await publisher.connect()
    await publisher.aclose()

    with pytest.raises(PublishError):
        await publisher.publish(MESSAGE)

    await publisher.connect()
    await publisher.publish(MESSAGE)


async def test_closing_twice_is_no_error(publisher: EventPublisher) -> None:
    await publisher.connect()

    await publisher.aclose()
    await publisher.aclose()


async def test_a_broker_that_cannot_be_reached_is_told(unreachable: EventPublisher) -> None:
    with pytest.raises(BrokerUnavailableError):
        await unreachable.connect()
