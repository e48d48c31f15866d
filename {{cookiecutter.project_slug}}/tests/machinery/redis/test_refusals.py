"""A Redis that refuses this service: one line, and 30 seconds between two attempts."""

from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import uuid4

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from src.repositories.cache.redis.breaker import PAUSE_SECONDS
from src.repositories.cache.redis.cache import RedisCache
from src.repositories.cache.redis.client import RedisServer
from src.repositories.cache.redis.counters import RedisCounters
from src.usecases.errors import REFUSED_SECONDS, UnavailableError
from tests.machinery.redis.loading import KEY, Loader, Observed
from tests.machinery.redis.users import PASSWORD, delete_user, documented_rights, set_user
from tests.support.guessing import guess, throttle_on
from tests.support.network import Proxy
from tests.support.waiting import eventually


@pytest.fixture
async def user(redis: Redis, server: RedisServer, namespace: str) -> AsyncIterator[str]:
    """A user with the documented rights."""
    if server.username is None:
        pytest.skip("The user of this run may not create users of Redis.")
    name = f"test-{uuid4().hex}"
    await set_user(redis, name, *documented_rights(namespace))
    yield name
    await delete_user(redis, name)


@pytest.fixture
async def cache(
    server: RedisServer, user: str, namespace: str, proxy: Proxy
) -> AsyncIterator[RedisCache]:
    """A cache that logs in as `user` through the proxy."""
    here = replace(
        server, host="127.0.0.1", port=proxy.port, username=user, password=PASSWORD
    ).client(timeout_seconds=30)
    cache = RedisCache(redis=here, invalidator_redis=here, namespace=namespace, ttl_seconds=60)
    yield cache
    await cache.aclose()


async def state_of(cache: RedisCache) -> str:
    """Return the state that a check of the cache reports."""
    try:
        await cache.check()
    except UnavailableError as error:
        return error.state
    return "ok"


@pytest.mark.parametrize(
    ("rules", "advice"),
    [
        pytest.param(["resetpass", ">another"], "REDIS_USERNAME and REDIS_PASSWORD", id="password"),
        pytest.param(["off"], "REDIS_USERNAME and REDIS_PASSWORD", id="user"),
        pytest.param(["-evalsha"], "rights in docs/deployment.md", id="command"),
        pytest.param(["-get"], "rights in docs/deployment.md", id="command in a script"),
        pytest.param(["resetkeys", "~other:*"], "rights in docs/deployment.md", id="keys"),
    ],
)
async def test_a_refusal_is_one_line_for_all_requests_and_is_tried_again_every_thirty_seconds(
    redis: Redis, cache: RedisCache, user: str, rules: list[str], advice: str
) -> None:
    await set_user(redis, user, *documented_rights("none"), *rules)
    observed = Observed(cache)
    with capture_logs() as lines:
        for attempts in (1, 2):
            for _ in range(20):
                await observed.get()
            assert len(observed.reads) == attempts
            observed.seconds += REFUSED_SECONDS - 0.1
            await observed.get()
            assert len(observed.reads) == attempts
            observed.seconds += 0.1
    [line] = lines
    assert (line["event"], line["log_level"]) == ("redis_refused", "error")
    assert advice in line["error"]
    assert PASSWORD not in line["error"]


async def test_a_cache_that_was_refused_works_once_the_settings_are_right(
    redis: Redis, cache: RedisCache, user: str, namespace: str
) -> None:
    observed = Observed(cache)
    await set_user(redis, user, "resetpass", ">another")
    await observed.get()
    assert await state_of(cache) == "refused"

    await set_user(redis, user, *documented_rights(namespace))
    assert await state_of(cache) == "ok"
    observed.seconds += REFUSED_SECONDS
    await observed.get(value=b"cached")
    load = Loader()

    async def is_cached() -> bool:
        return await cache.get_or_load([KEY], load) == [b"cached"]

    await eventually(is_cached)


async def test_writes_go_on_while_redis_refuses_the_service(
    redis: Redis, cache: RedisCache, user: str
) -> None:
    await set_user(redis, user, "resetpass", ">another")
    async with cache.invalidating([KEY]):
        written = True
    assert written
    assert cache._breaker.remaining_seconds() > PAUSE_SECONDS


async def test_keys_of_a_refused_write_are_closed_soon_after_the_refusal_has_ended(
    redis: Redis, cache: RedisCache, user: str, namespace: str
) -> None:
    await set_user(redis, user, *documented_rights("none"))
    async with cache.invalidating([KEY]):
        pass
    await set_user(redis, user, *documented_rights(namespace))
    cache._breaker.record_failure(ConnectionError("an outage, whose pause is shorter"))

    async def is_closed() -> bool:
        return not cache._invalidator._unclosed

    await eventually(is_closed, seconds=20)  # less than the pause after a refusal


async def test_the_throttle_counts_in_memory_while_redis_refuses_the_service(
    redis: Redis, cache: RedisCache, user: str, namespace: str, proxy: Proxy
) -> None:
    await set_user(redis, user, "resetpass", ">another")
    throttle = throttle_on(RedisCounters(redis=cache._redis, namespace=namespace))
    with capture_logs() as lines:
        for _ in range(3):
            assert await guess(throttle.login("ada@example.com", "192.0.2.1"), correct=True)
    assert lines == []
    assert proxy.connections == 1
