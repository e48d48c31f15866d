"""A write that Redis could not be told of in time."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError
from structlog.testing import capture_logs

from src import manage
from src.config import Settings
from src.domain.user import User
from src.repositories.cache import redis as redis_cache
from src.repositories.cache import writers
from src.repositories.cache.redis import RedisCache
from tests.support.loading import KEY, Loader, NewCache
from tests.support.network import Proxy, closed_port
from tests.support.waiting import eventually


@pytest.fixture
async def proxy(settings: Settings) -> AsyncIterator[Proxy]:
    """A way to Redis that can be broken."""
    async with Proxy(settings.redis.host, settings.redis.port).running() as proxy:
        yield proxy


@pytest.fixture
async def cut_off(new_cache: NewCache, proxy: Proxy, redis: Redis, namespace: str) -> RedisCache:
    """The cache of a process that filled a key and then lost Redis."""
    cache = await new_cache(port=proxy.port, timeout_seconds=0.2)
    assert await cache.get_or_load([KEY], Loader(b"old")) == [b"old"]

    async def is_kept() -> bool:
        return await redis.get(f"{namespace}:{KEY}") == b"old"

    await eventually(is_kept)
    proxy.refuse()
    return cache


async def is_dropped_once_redis_is_back(proxy: Proxy, redis: Redis, key: str) -> None:
    """Pass if the key is dropped, and not before."""
    assert await redis.get(key) == b"old"  # Redis does not know yet
    proxy.accept()

    async def is_dropped() -> bool:
        return await redis.get(key) is None

    await eventually(is_dropped)


async def test_a_key_that_could_not_be_dropped_is_dropped_once_redis_is_back(
    cut_off: RedisCache, proxy: Proxy, redis: Redis, namespace: str
) -> None:
    async with cut_off.writing([KEY]):
        pass
    await is_dropped_once_redis_is_back(proxy, redis, f"{namespace}:{KEY}")


async def test_so_it_is_if_nobody_knows_whether_the_write_was_committed(
    cut_off: RedisCache, other: RedisCache, proxy: Proxy, redis: Redis, namespace: str
) -> None:
    with pytest.raises(ConnectionError):
        async with cut_off.writing([KEY]):
            raise ConnectionError("no answer to the commit")
    await is_dropped_once_redis_is_back(proxy, redis, f"{namespace}:{KEY}")
    # It may be committed even later.
    assert await other.get_or_load([KEY], Loader(b"old")) == [b"old"]
    assert await other.get_or_load([KEY], Loader(b"new")) == [b"new"]


async def test_so_it_is_if_the_writer_was_cancelled_before_it_could_tell(
    new_cache: NewCache, proxy: Proxy, redis: Redis, namespace: str
) -> None:
    await redis.set(f"{namespace}:{KEY}", "old")
    cache = await new_cache(port=proxy.port, timeout_seconds=0.2)
    committed = asyncio.Event()

    async def write() -> None:
        async with cache.writing([KEY]):
            committed.set()

    proxy.hang()
    writer = asyncio.create_task(write())
    await committed.wait()
    writer.cancel()  # while it waits for the answer to its second step
    with pytest.raises(asyncio.CancelledError):
        await writer
    await is_dropped_once_redis_is_back(proxy, redis, f"{namespace}:{KEY}")


async def test_however_many_keys_wait_for_redis_it_is_one_who_asks_for_it(
    cut_off: RedisCache, proxy: Proxy
) -> None:
    for number in range(50):
        async with cut_off.writing([f"user:{number}"]):
            pass
    before = proxy.connections
    await asyncio.sleep(1)
    assert 0 < proxy.connections - before <= 1 / writers.LATE_SECONDS + 1


async def test_a_key_that_comes_too_late_while_others_are_dropped_is_dropped_next(
    cut_off: RedisCache, monkeypatch: pytest.MonkeyPatch, redis: Redis, namespace: str, proxy: Proxy
) -> None:
    key = f"{namespace}:later"
    close, answered = cut_off._writers._close, asyncio.Event()

    async def slow_close(**arguments: Any) -> Any:
        answer = await close(**arguments)
        answered.set()
        await asyncio.sleep(0.5)  # meanwhile another writer gives up
        return answer

    async def no_answer(**_: Any) -> None:
        raise RedisError("no answer")

    async with cut_off.writing([KEY]):
        pass
    monkeypatch.setattr(cut_off._writers, "_close", slow_close)
    proxy.accept()
    await answered.wait()
    monkeypatch.setattr(cut_off._writers, "_close", close)
    monkeypatch.setattr(cut_off._writers, "_open", no_answer)
    async with cut_off.writing(["later"]):
        await redis.set(key, "old")  # as if its first step had failed, too

    async def is_dropped() -> bool:
        return await redis.get(key) is None

    await eventually(is_dropped)


async def test_after_its_time_to_live_nobody_need_drop_a_key(
    cut_off: RedisCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cut_off._writers, "_stale_seconds", 0)
    async with cut_off.writing([KEY]):
        pass
    with capture_logs() as logs:
        await cut_off.aclose()
    assert "cache_may_be_stale" not in [entry["event"] for entry in logs]


async def test_an_operator_from_whom_redis_is_cut_off_hears_of_it(
    settings: Settings, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_cache, "STOP_SECONDS", 0.1)
    monkeypatch.setenv("REDIS_HOST", "127.0.0.1")
    monkeypatch.setenv("REDIS_PORT", str(closed_port()))
    monkeypatch.setattr("sys.argv", ["manage", "deactivate", user.email])
    with pytest.raises(SystemExit, match="Redis does not answer from here"):
        await manage.main()


async def test_a_process_that_stops_before_redis_is_back_says_what_may_be_stale(
    cut_off: RedisCache,
) -> None:
    async with cut_off.writing(["a", "b"]):
        pass
    with capture_logs() as logs:
        await cut_off.aclose()
    assert {"event": "cache_may_be_stale", "keys": 2, "log_level": "error"} in logs
