"""Writes that Redis did not confirm: their keys are closed as soon as Redis answers again."""

import asyncio

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from src.repositories.cache.redis.cache import RedisCache
from tests.machinery.redis.loading import KEY, Loader, NewCache, dropped
from tests.support.network import Proxy
from tests.support.waiting import eventually


async def is_dropped_once_redis_is_back(proxy: Proxy, redis: Redis, name: str) -> None:
    """Pass if the value is dropped when the connection is back, and not before."""
    assert await redis.get(name) == b"old"
    proxy.accept()
    await dropped(redis, name)


async def test_the_key_of_a_write_without_redis_is_dropped_once_redis_is_back(
    cut_off: RedisCache, proxy: Proxy, redis: Redis, name: str
) -> None:
    async with cut_off.invalidating([KEY]):
        pass
    await is_dropped_once_redis_is_back(proxy, redis, name)


async def test_the_key_of_a_write_with_an_unknown_outcome_is_dropped_and_stays_closed(
    cut_off: RedisCache, other: RedisCache, proxy: Proxy, redis: Redis, name: str
) -> None:
    with pytest.raises(ConnectionError):
        async with cut_off.invalidating([KEY]):
            raise ConnectionError("no answer to the commit")
    await is_dropped_once_redis_is_back(proxy, redis, name)
    # The commit may become visible even later, so no reader may fill the key yet.
    assert await other.get_or_load([KEY], Loader(b"old")) == [b"old"]
    assert await other.get_or_load([KEY], Loader(b"new")) == [b"new"]


async def test_the_key_of_a_writer_that_was_cancelled_after_its_commit_is_dropped(
    new_cache: NewCache, proxy: Proxy, redis: Redis, name: str
) -> None:
    cache = await new_cache(port=proxy.port)
    committed = asyncio.Event()

    async def write() -> None:
        async with cache.invalidating([KEY]):
            await redis.set(name, "old")  # as if the first step had failed
            proxy.hang()
            committed.set()

    writer = asyncio.create_task(write())
    await committed.wait()
    await asyncio.sleep(0.05)  # its second step is sent, and waits for the answer
    writer.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writer
    proxy.refuse()  # what was held back is lost
    await is_dropped_once_redis_is_back(proxy, redis, name)


async def test_a_key_whose_time_to_live_has_passed_need_not_be_closed(
    cut_off: RedisCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cut_off._invalidator, "_max_stale_seconds", 0)
    async with cut_off.invalidating([KEY]):
        pass

    async def none_is_left() -> bool:
        return not cut_off._invalidator._unclosed

    await eventually(none_is_left)
    with capture_logs() as logs:
        await cut_off.aclose()
    assert "cache_may_be_stale" not in [entry["event"] for entry in logs]
