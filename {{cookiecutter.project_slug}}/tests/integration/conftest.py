"""What the tests of the adapters share."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from uuid import uuid4

import punq
import pytest
from redis.asyncio import Redis

from src.config import Settings
from src.container import build_container, open_resources
from src.domain.session import Session
from src.domain.user import User
from src.repositories.cache.client import create_client
from src.repositories.cache.redis import RedisCache
from src.repositories.rabbitmq.connection import RabbitMQBroker
from src.repositories.rabbitmq.consumer import RabbitMQConsumer
from src.repositories.rabbitmq.topology import Topology
from src.usecases.ports.messaging import MessageHandler
from src.usecases.ports.unit_of_work import UnitOfWorkFactory
from tests.support.consuming import Consuming, Running
from tests.support.loading import NewCache
from tests.support.network import Proxy
from tests.support.users import new_session, new_user
from tests.support.waiting import eventually


@pytest.fixture(scope="session")
async def container(
    settings: Settings, redis: Redis, run_topology: Topology
) -> AsyncIterator[punq.Container]:
    """The service's parts, made once: no test here puts another in the place of one."""
    container = build_container(settings)
    async with open_resources(container):
        yield container


@pytest.fixture
def unit_of_work(container: punq.Container) -> UnitOfWorkFactory:
    """Units of work as the service opens them."""
    factory: UnitOfWorkFactory = container.resolve(UnitOfWorkFactory)
    return factory


@pytest.fixture
async def user(unit_of_work: UnitOfWorkFactory) -> User:
    """A user who is saved."""
    user = new_user()
    async with unit_of_work() as uow:
        await uow.users.create_user(user)
        await uow.commit()
    return user


@pytest.fixture
async def session(unit_of_work: UnitOfWorkFactory, user: User) -> Session:
    """A session of that user, saved."""
    session = new_session(user.id)
    async with unit_of_work() as uow:
        await uow.sessions.create_session(session)
        await uow.commit()
    return session


@pytest.fixture
async def proxy(broker: RabbitMQBroker) -> AsyncIterator[Proxy]:
    """A way to the broker that can be broken."""
    async with Proxy(broker.host, broker.port).running() as proxy:
        yield proxy


@pytest.fixture
def consuming(broker: RabbitMQBroker, topology: Topology, proxy: Proxy) -> Consuming:
    """Run a consumer whose connection can be broken; it stops when the context is left."""

    @asynccontextmanager
    async def run(
        handle: MessageHandler, *, concurrency: int = 10, handler_timeout_seconds: float = 5
    ) -> AsyncIterator[Running]:
        consumer = RabbitMQConsumer(
            replace(broker, host="127.0.0.1", port=proxy.port),
            topology,
            handle,
            concurrency=concurrency,
            handler_timeout_seconds=handler_timeout_seconds,
        )
        stop = asyncio.Event()
        running = Running(consumer, asyncio.create_task(consumer.run(stop)), stop)
        try:
            await eventually(running.consumes)
            yield running
        finally:
            stop.set()
            await asyncio.wait_for(running.task, 5)

    return run


@pytest.fixture
def namespace(settings: Settings) -> str:
    """Keys of one test."""
    return f"{settings.app.name}:{uuid4().hex[:8]}"


@pytest.fixture
async def new_cache(settings: Settings, redis: Redis, namespace: str) -> AsyncIterator[NewCache]:
    async with AsyncExitStack() as stack:

        async def make(*, port: int | None = None, timeout_seconds: float = 5) -> RedisCache:
            host, password = settings.redis.host, settings.redis.password.get_secret_value()
            if port is None:
                client = create_client(host, settings.redis.port, password, timeout_seconds)
            else:
                client = create_client("127.0.0.1", port, password, timeout_seconds)
            stack.push_async_callback(client.aclose)
            return RedisCache(client, client, namespace=namespace, ttl_seconds=60)

        yield make


@pytest.fixture
async def cache(new_cache: NewCache) -> RedisCache:
    return await new_cache()


@pytest.fixture
async def other(new_cache: NewCache) -> RedisCache:
    """The cache of another process."""
    return await new_cache()
