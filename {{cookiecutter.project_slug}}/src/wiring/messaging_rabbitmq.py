"""Events go through RabbitMQ: the worker publishes the outbox, and consumes."""

import punq

from src.config import Settings
from src.consumers.subscriptions import SUBSCRIPTIONS
from src.domain.events import EVENTS
from src.repositories.db.outbox import DBOutbox
from src.repositories.rabbitmq.connection import RabbitMQBroker
from src.repositories.rabbitmq.consumer import RabbitMQConsumer
from src.repositories.rabbitmq.dead_letters import RabbitMQDeadLetters
from src.repositories.rabbitmq.relay import OutboxRelay
from src.repositories.rabbitmq.topology import Topology
from src.usecases.check_readiness import Dependency
from src.usecases.ports.messaging import DeadLetters, EventConsumer
from src.wiring import Job


def register_messaging(container: punq.Container, settings: Settings) -> None:
    """Register the way of events from the outbox to their handlers."""
    rabbitmq, once = settings.rabbitmq, punq.Scope.singleton
    password = rabbitmq.password.get_secret_value()
    server = (rabbitmq.host, rabbitmq.port)
    broker = RabbitMQBroker(*server, rabbitmq.user, password, rabbitmq.vhost, rabbitmq.tls)
    topology = Topology(
        name=settings.app.name,
        retry_delays=rabbitmq.retry_delays_seconds,
        event_types=sorted({*SUBSCRIPTIONS, *(event.name for event in EVENTS)}),
    )
    container.register(RabbitMQBroker, instance=broker)
    container.register(Topology, instance=topology)
    # Without its broker the service's events come later, but none is lost.
    check = Dependency("rabbitmq", broker.check, is_required=False)
    container.register(Dependency, instance=check)
    container.register(DeadLetters, RabbitMQDeadLetters, scope=once)
    container.register(DBOutbox, scope=once)
    container.register(Job, OutboxRelay, scope=once)
    limits = settings.worker.model_dump(include={"concurrency", "handler_timeout_seconds"})
    container.register(EventConsumer, RabbitMQConsumer, scope=once, **limits)
