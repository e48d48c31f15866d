"""The cache of a process that stops: the steps in progress are completed."""

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from src.repositories.cache.redis import cache as redis_cache
from src.repositories.cache.redis.cache import RedisCache
from tests.machinery.redis.loading import KEY, Loader
from tests.support.network import Proxy


async def test_a_process_that_stops_completes_its_fills(
    cache: RedisCache, redis: Redis, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_cache, "STOP_SECONDS", 60)
    await cache.get_or_load([KEY], Loader(b"1"))
    await cache.aclose()
    assert await redis.get(name) == b"1"


async def test_a_process_that_stops_closes_its_keys_before_if_redis_is_back(
    cut_off: RedisCache, proxy: Proxy, redis: Redis, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_cache, "STOP_SECONDS", 60)
    async with cut_off.invalidating([KEY]):
        pass
    proxy.accept()
    with capture_logs() as logs:
        await cut_off.aclose()
    assert await redis.get(name) is None
    assert "cache_may_be_stale" not in [entry["event"] for entry in logs]


async def test_a_process_that_stops_before_redis_is_back_logs_how_many_keys_may_be_stale(
    cut_off: RedisCache,
) -> None:
    async with cut_off.invalidating(["a", "b"]):
        pass
    with capture_logs() as logs:
        await cut_off.aclose()
    assert {"event": "cache_may_be_stale", "keys": 2, "log_level": "error"} in logs
