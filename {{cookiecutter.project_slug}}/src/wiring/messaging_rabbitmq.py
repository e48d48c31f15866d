"""Messaging with RabbitMQ: the worker publishes the events of the outbox, and consumes them."""

from argparse import Namespace
from functools import partial
from typing import Annotated

import punq
from pydantic import field_validator

from src.config import AppSettings, WorkerSettings
from src.consumers.subscription import load_subscriptions
from src.domain.event import EVENT_TYPES
from src.repositories.outbox.notify import OutboxListener
from src.repositories.outbox.reader import OutboxReader
from src.repositories.postgres.engine import Database
from src.repositories.rabbitmq.connection import RabbitMQBroker
from src.repositories.rabbitmq.consumer import RabbitMQConsumer
from src.repositories.rabbitmq.dead_letters import RabbitMQDeadLetters
from src.repositories.rabbitmq.declarer import Declarer
from src.repositories.rabbitmq.mover import QueueInUseError, QueueMover
from src.repositories.rabbitmq.relay import OutboxRelay
from src.repositories.rabbitmq.topology import Topology
from src.usecases.operations.check_readiness import Dependency
from src.usecases.ports.messaging import (
    DeadLetters,
    EventConsumer,
    MessageHandler,
    OutboxBacklog,
)
from src.utils.server_settings import ServerSettings
from src.utils.setting_limits import Delays, Port, at_most
from src.utils.setting_types import Secret
from src.utils.settings import Settings, SettingsError
from src.wiring import Command, Job, Part

LONGEST_DELAY = (2**32 - 1) // 1000  # the broker counts milliseconds in 32 bits
ShortText = Annotated[str, at_most(255)]


class RabbitMQSettings(ServerSettings, env_prefix="RABBITMQ_"):
    """RabbitMQ."""

    port: Port = 5672
    user: ShortText
    password: Secret
    vhost: ShortText = "/"
    retry_delays_seconds: Delays = (10, 60, 300)

    @field_validator("retry_delays_seconds")
    @classmethod
    def _names_queues(cls, delays: tuple[int, ...]) -> tuple[int, ...]:
        if len({*delays}) < len(delays):
            raise ValueError("must not contain a delay twice: each has a queue of its own")
        if max(delays) > LONGEST_DELAY:
            raise ValueError(f"must not contain more than {LONGEST_DELAY}")
        return delays


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
    name = settings[AppSettings].name
    if f"{name}.".startswith("amq."):
        raise SettingsError("APP_NAME: RabbitMQ reserves the names that begin with amq.")
    subscriptions = sorted(load_subscriptions().items())
    own = {event_type for event_type, it in subscriptions if it.exchange is None}
    return Topology(
        name=name,
        retry_delays=settings[RabbitMQSettings].retry_delays_seconds,
        event_types=sorted({*own, *EVENT_TYPES}),
        foreign=[(it.exchange, event_type) for event_type, it in subscriptions if it.exchange],
    )


def register(container: punq.Container, settings: Settings) -> None:
    """Register the path of events from the outbox to their consumers."""
    broker = create_broker(settings[RabbitMQSettings])
    declarer = Declarer(topology=create_topology(settings))
    container.register(RabbitMQBroker, instance=broker)
    container.register(
        Dependency,
        # Not required: without the broker, events are delivered later, and none is lost.
        instance=Dependency(
            name="rabbitmq", check=partial(declarer.check, broker), is_required=False
        ),
    )
    container.register(DeadLetters, instance=RabbitMQDeadLetters(broker=broker, declarer=declarer))
    container.register(QueueMover, instance=QueueMover(broker=broker, declarer=declarer))
    _register_relay(container, broker, declarer)
    _register_consumer(container, broker, declarer, settings[WorkerSettings])


def _register_relay(container: punq.Container, broker: RabbitMQBroker, declarer: Declarer) -> None:
    outbox = OutboxReader(database=container.resolve(Database))
    relay = OutboxRelay(
        outbox=outbox,
        listener=container.resolve(OutboxListener),
        broker=broker,
        declarer=declarer,
    )
    container.register(OutboxBacklog, instance=outbox)
    container.register(Job, instance=relay)


def _register_consumer(
    container: punq.Container, broker: RabbitMQBroker, declarer: Declarer, worker: WorkerSettings
) -> None:
    def consumer() -> RabbitMQConsumer:
        return RabbitMQConsumer(
            broker=broker,
            declarer=declarer,
            handle=container.resolve(MessageHandler),
            concurrency=worker.concurrency,
            handler_timeout_seconds=worker.handler_timeout_seconds,
        )

    container.register(EventConsumer, factory=consumer, scope=punq.Scope.singleton)


async def move_queue(container: punq.Container, _: Namespace) -> str:
    """Replace the queues that this version declares with other arguments or bindings."""
    try:
        moved = await container.resolve(QueueMover).move()
    except QueueInUseError as error:
        raise SystemExit(str(error)) from None
    return "\n".join(f"{name}: {count} messages moved" for name, count in moved.items())


part = Part(
    settings=(RabbitMQSettings,),
    register=register,
    commands=(
        Command(
            name="move-queue",
            help="give queues the arguments and bindings of this version",
            run=move_queue,
        ),
    ),
)
