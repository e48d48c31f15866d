"""Events go through RabbitMQ: the worker publishes the outbox, and consumes."""

import punq

from src.config import Settings
from src.consumers.subscriptions import SUBSCRIPTIONS
from src.domain.events import PUBLISHED_EVENTS
from src.repositories.db.engine import Database
from src.repositories.db.notify import OutboxListener
from src.repositories.db.outbox import DBOutbox
from src.repositories.rabbitmq.connection import RabbitMQBroker
from src.repositories.rabbitmq.consumer import RabbitMQConsumer
from src.repositories.rabbitmq.dead_letters import RabbitMQDeadLetters
from src.repositories.rabbitmq.publisher import RabbitMQEventPublisher
from src.repositories.rabbitmq.relay import OutboxRelay
from src.repositories.rabbitmq.topology import Topology
from src.usecases.check_readiness import Dependency
from src.usecases.ports.messaging import DeadLetters, EventConsumer, MessageHandler
from src.usecases.ports.publishing import EventPublisher, Outbox
from src.usecases.relay_outbox import RelayOutbox
from src.wiring import Job, Resource


def register_messaging(container: punq.Container, settings: Settings) -> None:
    """Register the way of events from the outbox to their handlers."""
    rabbitmq = settings.rabbitmq
    password = rabbitmq.password.get_secret_value()
    server = (rabbitmq.host, rabbitmq.port)
    broker = RabbitMQBroker(*server, rabbitmq.user, password, rabbitmq.vhost, rabbitmq.tls)
    topology = Topology(
        name=settings.app.name,
        retry_delays=rabbitmq.retry_delays_seconds,
        event_types=sorted({*SUBSCRIPTIONS, *(event.name for event in PUBLISHED_EVENTS)}),
    )
    container.register(RabbitMQBroker, instance=broker)
    container.register(DeadLetters, instance=RabbitMQDeadLetters(broker, topology))
    # Without its broker the service's events come later, but none is lost.
    check = Dependency("rabbitmq", broker.check, is_required=False)
    container.register(Dependency, instance=check)
    _register_relay(container, RabbitMQEventPublisher(broker, topology))
    limits = (settings.worker.concurrency, settings.worker.handler_timeout_seconds)

    def consumer() -> EventConsumer:
        return RabbitMQConsumer(broker, topology, container.resolve(MessageHandler), *limits)

    container.register(EventConsumer, consumer, scope=punq.Scope.singleton)
    container.register(Job, lambda: container.resolve(EventConsumer))


def _register_relay(container: punq.Container, publisher: RabbitMQEventPublisher) -> None:
    container.register(Outbox, instance=DBOutbox(container.resolve(Database)))
    container.register(EventPublisher, instance=publisher)
    container.register(Resource, instance=publisher)
    container.register(RelayOutbox, scope=punq.Scope.singleton)
    listener = container.resolve(OutboxListener)
    container.register(Job, lambda: OutboxRelay(container.resolve(RelayOutbox), listener))
