"""Messaging with RabbitMQ: the worker publishes the events of the outbox, and consumes them."""

import punq
from pydantic import PositiveInt

from src.config import AppSettings, WorkerSettings
from src.consumers.subscription import load_subscriptions
from src.domain.event import EVENT_TYPES
from src.repositories.outbox.notify import OutboxListener
from src.repositories.outbox.reader import OutboxReader
from src.repositories.postgres.engine import Database
from src.repositories.rabbitmq.connection import RabbitMQBroker
from src.repositories.rabbitmq.consumer import RabbitMQConsumer
from src.repositories.rabbitmq.dead_letters import RabbitMQDeadLetters
from src.repositories.rabbitmq.relay import OutboxRelay
from src.repositories.rabbitmq.topology import Topology
from src.usecases.operations.check_readiness import Dependency
from src.usecases.ports.messaging import (
    DeadLetters,
    EventConsumer,
    MessageHandler,
    OutboxBacklog,
)
from src.utils.setting_types import Delays, Secret
from src.utils.settings import ServerSettings, Settings
from src.wiring import Job, Part


class RabbitMQSettings(ServerSettings, env_prefix="RABBITMQ_"):
    """RabbitMQ."""

    port: PositiveInt = 5672
    user: str
    password: Secret
    vhost: str = "/"
    retry_delays_seconds: Delays = (10, 60, 300)


def create_broker(rabbitmq: RabbitMQSettings) -> RabbitMQBroker:
    """Return the broker that the settings name."""
    return RabbitMQBroker(
        host=rabbitmq.host,
        port=rabbitmq.port,
        user=rabbitmq.user,
        password=rabbitmq.password.get_secret_value(),
        vhost=rabbitmq.vhost,
        tls=rabbitmq.tls,
    )


def create_topology(settings: Settings) -> Topology:
    """Return the exchange and the queues of this service."""
    return Topology(
        name=settings[AppSettings].name,
        retry_delays=settings[RabbitMQSettings].retry_delays_seconds,
        event_types=sorted({*load_subscriptions(), *EVENT_TYPES}),
    )


def register(container: punq.Container, settings: Settings) -> None:
    """Register the path of events from the outbox to their consumers."""
    broker = create_broker(settings[RabbitMQSettings])
    topology = create_topology(settings)
    container.register(RabbitMQBroker, instance=broker)
    container.register(
        Dependency,
        # Not required: without the broker, events are delivered later, and none is lost.
        instance=Dependency(name="rabbitmq", check=broker.check, is_required=False),
    )
    container.register(DeadLetters, instance=RabbitMQDeadLetters(broker=broker, topology=topology))
    _register_relay(container, broker, topology)
    _register_consumer(container, broker, topology, settings[WorkerSettings])


def _register_relay(container: punq.Container, broker: RabbitMQBroker, topology: Topology) -> None:
    outbox = OutboxReader(database=container.resolve(Database))
    relay = OutboxRelay(
        outbox=outbox,
        listener=container.resolve(OutboxListener),
        broker=broker,
        topology=topology,
    )
    container.register(OutboxBacklog, instance=outbox)
    container.register(Job, instance=relay)


def _register_consumer(
    container: punq.Container, broker: RabbitMQBroker, topology: Topology, worker: WorkerSettings
) -> None:
    def consumer() -> RabbitMQConsumer:
        return RabbitMQConsumer(
            broker=broker,
            topology=topology,
            handle=container.resolve(MessageHandler),
            concurrency=worker.concurrency,
            handler_timeout_seconds=worker.handler_timeout_seconds,
        )

    container.register(EventConsumer, factory=consumer, scope=punq.Scope.singleton)


part = Part(settings=(RabbitMQSettings,), register=register)
