"""Caches of several processes on one Redis, and a connection to Redis that a test can break."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from uuid import uuid4

import pytest
from redis.asyncio import Redis
from redis.exceptions import NoPermissionError

from src.config import AppSettings
from src.repositories.cache.redis import cache as redis_cache
from src.repositories.cache.redis.cache import RedisCache
from src.repositories.cache.redis.client import RedisServer
from src.usecases.ports.cache import ReadThroughCache
from src.utils.settings import Settings
from src.wiring.cache_redis import RedisSettings, create_server
from tests.fakes.cache import InMemoryCache
from tests.machinery.redis.loading import KEY, Loader, NewCache, filled
from tests.machinery.redis.users import PASSWORD, delete_user, documented_rights, set_user
from tests.support.network import Proxy


@pytest.fixture
def namespace(settings: Settings) -> str:
    """The namespace of one test."""
    return f"{settings[AppSettings].name}:{uuid4().hex[:8]}"


@pytest.fixture
def name(namespace: str) -> str:
    """The name of `KEY` in Redis."""
    return f"{namespace}:{KEY}"


@pytest.fixture(scope="session")
async def server(settings: Settings, redis: Redis) -> AsyncIterator[RedisServer]:
    """The run's server, and a user with the documented rights, if the run may create users."""
    given = create_server(settings[RedisSettings])
    name = settings[AppSettings].name
    user = f"{name}-user"
    try:
        await set_user(redis, user, *documented_rights(name))
    except NoPermissionError:
        yield given
        return
    yield replace(given, username=user, password=PASSWORD)
    await delete_user(redis, user)


@pytest.fixture
async def new_cache(
    server: RedisServer, redis: Redis, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[NewCache]:
    """Create caches of one namespace. Each of them stands for a process."""
    monkeypatch.setattr(redis_cache, "STOP_SECONDS", 0.3)  # some tests end without Redis
    async with AsyncExitStack() as stack:

        async def create(*, port: int | None = None, timeout_seconds: float = 30) -> RedisCache:
            here = server if port is None else replace(server, host="127.0.0.1", port=port)
            client = here.client(timeout_seconds=timeout_seconds)
            cache = RedisCache(
                redis=client, invalidator_redis=client, namespace=namespace, ttl_seconds=60
            )
            stack.push_async_callback(cache.aclose)
            return cache

        yield create


@pytest.fixture
async def cache(new_cache: NewCache) -> RedisCache:
    """The cache of one process."""
    return await new_cache()


@pytest.fixture
async def other(new_cache: NewCache) -> RedisCache:
    """The cache of another process."""
    return await new_cache()


@pytest.fixture(params=["fake", "real"])
def any_cache(request: pytest.FixtureRequest) -> ReadThroughCache:
    """Each implementation of the port that caches: the fake, and the cache in Redis."""
    if request.param == "fake":
        return InMemoryCache()
    redis: Redis = request.getfixturevalue("redis")
    namespace: str = request.getfixturevalue("namespace")
    return RedisCache(redis=redis, invalidator_redis=redis, namespace=namespace, ttl_seconds=300)


@pytest.fixture
async def proxy(settings: Settings) -> AsyncIterator[Proxy]:
    """A connection to Redis that can be broken."""
    server = settings[RedisSettings]
    async with Proxy(server.host, server.port).running() as proxy:
        yield proxy


@pytest.fixture
def no_lease_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let leases last for minutes, and let readers wait for them as long.

    Otherwise, on a busy machine, a lease may expire in the middle of a test.
    """
    monkeypatch.setattr(redis_cache, "LEASE_MS", 300_000)
    monkeypatch.setattr(redis_cache, "PAUSES", [0.01] * 30_000)


@pytest.fixture
async def cut_off(new_cache: NewCache, proxy: Proxy, redis: Redis, name: str) -> RedisCache:
    """The cache of a process that filled a key and then lost its connection to Redis."""
    cache = await new_cache(port=proxy.port)
    assert await cache.get_or_load([KEY], Loader(b"old")) == [b"old"]
    await filled(redis, name, b"old")
    proxy.refuse()
    return cache
