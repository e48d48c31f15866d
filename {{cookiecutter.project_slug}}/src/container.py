"""Where the parts meet: each port gets its adapter here, and nowhere else.

Everything is a singleton; a use case opens a unit of work when it runs. Of two registrations of one
type the later counts, which is how a test puts a fake in an adapter's place.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import punq
from redis.asyncio import Redis

from src.api.drain import Drain
from src.config import Settings
from src.consumers.dispatcher import EventDispatcher
from src.consumers.subscriptions import SUBSCRIPTIONS
from src.domain.events import PUBLISHED_EVENTS
from src.repositories.cache.client import WRITE_TIMEOUT_SECONDS, create_client
from src.repositories.cache.redis import RedisCache
from src.repositories.db.engine import Database
from src.repositories.db.message_records import DBMessageRecords
from src.repositories.db.notify import OutboxListener, OutboxNotifier
from src.repositories.db.outbox import DBOutbox
from src.repositories.db.unit_of_work import DBUnitOfWork
from src.repositories.rabbitmq.connection import RabbitMQBroker
from src.repositories.rabbitmq.consumer import RabbitMQConsumer
from src.repositories.rabbitmq.dead_letters import RabbitMQDeadLetters
from src.repositories.rabbitmq.publisher import RabbitMQEventPublisher
from src.repositories.rabbitmq.topology import Topology
from src.usecases import USE_CASES
from src.usecases.check_readiness import CheckReadiness, Dependency
from src.usecases.ports.cache import ReadThroughCache
from src.usecases.ports.messaging import (
    DeadLetters,
    EventConsumer,
    EventPublisher,
    MessageHandler,
    MessageRecords,
    Outbox,
)
from src.usecases.ports.security import Clock, Passwords, Tokens
from src.usecases.ports.unit_of_work import UnitOfWorkFactory
from src.utils.clock import utc_now
from src.utils.passwords import Argon2Passwords
from src.utils.tokens import SignedTokens


def build_container(settings: Settings) -> punq.Container:
    """Return a container in which everything can be resolved. Connects to nothing yet."""
    container = punq.Container()
    container.register(Clock, instance=utc_now)
    container.register(Drain, instance=Drain(settings.app.drain_seconds))
    _register_database(container, settings)
    _register_cache(container, settings)
    _register_messaging(container, settings)
    _register_security(container, settings)
    for use_case in {*USE_CASES, *(use_case for _, use_case in SUBSCRIPTIONS.values())}:
        container.register(use_case, scope=punq.Scope.singleton)
    dependencies = [
        Dependency("postgres", container.resolve(Database).check, is_required=True),
        # Without its cache the service is slower and without its broker later, but neither wrong.
        Dependency("redis", container.resolve(Redis).ping, is_required=False),
        Dependency("rabbitmq", container.resolve(RabbitMQBroker).check, is_required=False),
    ]
    if settings.app.drain_seconds:
        dependencies += [Dependency("accepting", container.resolve(Drain).check, is_required=True)]
    container.register(CheckReadiness, instance=CheckReadiness(dependencies))
    return container


@asynccontextmanager
async def open_resources(container: punq.Container) -> AsyncIterator[None]:
    """Keep open what the parts share, and close it in the reverse order."""
    for use_case in USE_CASES:
        container.resolve(use_case)  # made now, so that a fault of wiring shows at the start
    async with AsyncExitStack() as stack:
        stack.push_async_callback(container.resolve(Database).aclose)
        stack.push_async_callback(container.resolve(RedisCache).aclose)
        stack.push_async_callback(container.resolve(EventPublisher).aclose)
        stack.push_async_callback(container.resolve(OutboxListener).aclose)
        await stack.enter_async_context(container.resolve(OutboxNotifier).running())
        yield


def _register_database(container: punq.Container, settings: Settings) -> None:
    name, postgres = settings.app.name, settings.postgres
    database = Database(
        postgres.url, tls=postgres.tls, pool_size=postgres.pool_size, application_name=name
    )
    container.register(Database, instance=database)
    container.register(OutboxNotifier, instance=OutboxNotifier(database))
    container.register(OutboxListener, instance=OutboxListener(database))
    container.register(Outbox, instance=DBOutbox(database))
    container.register(MessageRecords, instance=DBMessageRecords(database))

    def unit_of_work_factory() -> UnitOfWorkFactory:
        cache, notifier = container.resolve(ReadThroughCache), container.resolve(OutboxNotifier)
        return partial(DBUnitOfWork, database, cache, notifier, source=name)

    container.register(UnitOfWorkFactory, unit_of_work_factory, scope=punq.Scope.singleton)


def _register_cache(container: punq.Container, settings: Settings) -> None:
    redis = settings.redis
    server = (redis.host, redis.port, redis.password.get_secret_value())
    client = create_client(*server, redis.timeout_seconds, redis.tls_ca_file)
    writers = create_client(*server, WRITE_TIMEOUT_SECONDS, redis.tls_ca_file)
    name, ttl = settings.app.name, redis.ttl_seconds
    cache = RedisCache(client, writers, namespace=name, ttl_seconds=ttl)
    container.register(Redis, instance=client)
    container.register(RedisCache, instance=cache)
    container.register(ReadThroughCache, instance=cache)


def _register_messaging(container: punq.Container, settings: Settings) -> None:
    rabbitmq, worker = settings.rabbitmq, settings.worker
    password = rabbitmq.password.get_secret_value()
    server = (rabbitmq.host, rabbitmq.port)
    broker = RabbitMQBroker(*server, rabbitmq.user, password, rabbitmq.vhost, rabbitmq.tls)
    published = [event.name for event in PUBLISHED_EVENTS]
    topology = Topology(
        name=settings.app.name,
        retry_delays=rabbitmq.retry_delays_seconds,
        event_types=sorted({*SUBSCRIPTIONS, *published}),
    )
    container.register(RabbitMQBroker, instance=broker)
    container.register(DeadLetters, instance=RabbitMQDeadLetters(broker, topology))
    container.register(EventPublisher, instance=RabbitMQEventPublisher(broker, topology))
    container.register(
        MessageHandler, instance=EventDispatcher(SUBSCRIPTIONS, published, container.resolve)
    )
    limits = (worker.concurrency, worker.handler_timeout_seconds)

    def event_consumer() -> EventConsumer:
        return RabbitMQConsumer(broker, topology, container.resolve(MessageHandler), *limits)

    container.register(EventConsumer, event_consumer, scope=punq.Scope.singleton)


def _register_security(container: punq.Container, settings: Settings) -> None:
    security = settings.security
    tokens = SignedTokens(
        secret_key=security.secret_key.get_secret_value(),
        issuer=settings.app.name,
        ttl_seconds=security.access_token_ttl_seconds,
        lifetime=security.lifetime,
    )
    container.register(Tokens, instance=tokens)
    container.register(Passwords, instance=Argon2Passwords(threads=security.hashing_threads))
