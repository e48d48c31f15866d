"""Publishing to RabbitMQ: what returned was taken, and what was not taken raises."""

import time
from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import uuid4

import orjson
import pytest
from aio_pika import DeliveryMode

from src.repositories.rabbitmq import connection, publisher
from src.repositories.rabbitmq.connection import RabbitMQBroker
from src.repositories.rabbitmq.publisher import RabbitMQEventPublisher
from src.repositories.rabbitmq.topology import Topology
from src.usecases.ports.publishing import BrokerUnavailableError, OutboxMessage, PublishError
from tests.support.amqp import Queues
from tests.support.network import Proxy, closed_port


def an_event(event_type: str = "user.registered.v1") -> OutboxMessage:
    """Return an event as the outbox hands it over."""
    return OutboxMessage(
        sequence=1,
        event_id=uuid4(),
        event_type=event_type,
        envelope={"type": event_type, "requestid": "the-request", "data": {"n": 1}},
        attempts=0,
    )


@pytest.fixture
async def proxied(
    proxy: Proxy, broker: RabbitMQBroker, topology: Topology
) -> AsyncIterator[RabbitMQEventPublisher]:
    """A publisher whose connection can be broken."""
    proxied = RabbitMQEventPublisher(replace(broker, host="127.0.0.1", port=proxy.port), topology)
    yield proxied
    proxy.cut()  # it may hang, and closing would wait for it
    await proxied.aclose()


async def test_a_published_event_arrives_as_a_persistent_cloud_event(
    proxied: RabbitMQEventPublisher, queues: Queues
) -> None:
    event = an_event()
    await proxied.connect()
    await proxied.publish(event)
    message = await queues.take(queues.topology.queue)
    assert orjson.loads(message.body) == event.envelope
    assert message.message_id == str(event.event_id)
    assert message.type == message.routing_key == "user.registered.v1"
    assert message.correlation_id == "the-request"
    assert message.content_type == "application/cloudevents+json"
    assert message.delivery_mode == DeliveryMode.PERSISTENT


async def test_connecting_makes_the_queues_so_that_no_event_is_lost_before_a_worker_starts(
    proxied: RabbitMQEventPublisher, queues: Queues
) -> None:
    await queues.channel.queue_delete(queues.topology.queue)
    await queues.channel.exchange_delete(queues.topology.exchange)
    await proxied.connect()
    await proxied.publish(an_event())
    assert await queues.count(queues.topology.queue) == 1


async def test_an_event_that_no_queue_takes_is_not_published_and_spoils_no_other(
    proxied: RabbitMQEventPublisher, queues: Queues
) -> None:
    await proxied.connect()
    with pytest.raises(PublishError):
        await proxied.publish(an_event("nobody.listens.v1"))
    await proxied.publish(an_event())
    assert await queues.count(queues.topology.queue) == 1


async def test_an_event_whose_queue_was_deleted_is_not_published(
    proxied: RabbitMQEventPublisher, queues: Queues
) -> None:
    await proxied.connect()
    await queues.channel.queue_delete(queues.topology.queue)
    with pytest.raises(PublishError):
        await proxied.publish(an_event())


async def test_a_publisher_that_never_connected_publishes_nothing(
    proxied: RabbitMQEventPublisher,
) -> None:
    with pytest.raises(PublishError):
        await proxied.publish(an_event())


async def test_after_a_lost_connection_it_fails_at_once_and_recovers_when_it_connects(
    proxied: RabbitMQEventPublisher, proxy: Proxy, queues: Queues
) -> None:
    await proxied.connect()
    proxy.cut()
    started = time.monotonic()
    with pytest.raises(PublishError):
        await proxied.publish(an_event())
    assert time.monotonic() - started < 1
    await proxied.connect()
    await proxied.publish(an_event())
    assert await queues.count(queues.topology.queue) == 1


async def test_a_broker_that_hangs_holds_up_one_publish_and_not_the_next(
    proxied: RabbitMQEventPublisher, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher, "PUBLISH_TIMEOUT_SECONDS", 0.3)
    monkeypatch.setattr(connection, "CLOSE_TIMEOUT_SECONDS", 0.1)
    await proxied.connect()
    proxy.hang()
    started = time.monotonic()
    for _ in range(10):
        with pytest.raises(PublishError):
            await proxied.publish(an_event())
    assert time.monotonic() - started < 1


async def test_a_broker_that_cannot_be_reached_is_unavailable_at_once(
    broker: RabbitMQBroker, topology: Topology
) -> None:
    nowhere = RabbitMQEventPublisher(
        replace(broker, host="127.0.0.1", port=closed_port()), topology
    )
    started = time.monotonic()
    with pytest.raises(BrokerUnavailableError):
        await nowhere.connect()
    assert time.monotonic() - started < 1


async def test_a_broker_that_hangs_is_unavailable_after_a_bounded_wait(
    proxied: RabbitMQEventPublisher, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "CONNECT_TIMEOUT_SECONDS", 0.3)
    proxy.hang()
    started = time.monotonic()
    with pytest.raises(BrokerUnavailableError):
        await proxied.connect()
    assert time.monotonic() - started < 1


async def test_a_broker_that_refuses_the_password_is_unavailable(broker: RabbitMQBroker) -> None:
    with pytest.raises(BrokerUnavailableError):
        await replace(broker, password="not-the-password").check()
