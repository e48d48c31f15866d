"""Writes that Redis did not confirm: their keys are closed as soon as Redis answers again."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError
from structlog.testing import capture_logs

from src.repositories.cache.redis.cache import RedisCache
from tests.machinery.redis.loading import KEY, Loader, NewCache, dropped, filled
from tests.support.network import Proxy
from tests.support.waiting import eventually


@pytest.fixture
async def cut_off(new_cache: NewCache, proxy: Proxy, redis: Redis, name: str) -> RedisCache:
    """The cache of a process that filled a key and then lost its connection to Redis."""
    cache = await new_cache(port=proxy.port)
    assert await cache.get_or_load([KEY], Loader(b"old")) == [b"old"]
    await filled(redis, name, b"old")
    proxy.refuse()
    return cache


class RecordedClose:
    """The steps in which an invalidator closes keys."""

    def __init__(self, cache: RedisCache, patch: pytest.MonkeyPatch) -> None:
        self.steps: list[set[bytes]] = []
        self.most_at_once = 0
        self._at_once = 0
        self._close = cache._invalidator._close
        patch.setattr(cache._invalidator, "_close", self.record)

    async def record(self, *, keys: Sequence[bytes], args: Sequence[Any]) -> Any:
        """Close keys."""
        self.steps.append({*keys})
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            return await self._close(keys=keys, args=args)
        finally:
            self._at_once -= 1


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


async def test_however_many_keys_are_not_closed_one_step_at_a_time_closes_them_all(
    cut_off: RedisCache, proxy: Proxy, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = [f"sample:{number}" for number in range(50)]
    for key in keys:
        async with cut_off.invalidating([key]):
            pass
    names = {f"{namespace}:{key}".encode() for key in keys}
    closing = RecordedClose(cut_off, monkeypatch)

    async def all_are_tried() -> bool:
        return names in closing.steps

    async def all_are_closed() -> bool:
        return not cut_off._invalidator._unclosed

    await eventually(all_are_tried)
    proxy.accept()
    await eventually(all_are_closed)
    assert all(step == names for step in closing.steps)
    assert closing.most_at_once == 1


async def test_a_key_that_is_not_closed_while_others_are_being_closed_is_closed_next(
    cut_off: RedisCache, monkeypatch: pytest.MonkeyPatch, redis: Redis, namespace: str, proxy: Proxy
) -> None:
    name = f"{namespace}:later"
    invalidator = cut_off._invalidator
    close = invalidator._close
    closed = asyncio.Event()
    may_return = asyncio.Event()

    async def slow_close(**arguments: Any) -> Any:
        answer = await close(**arguments)
        closed.set()
        await may_return.wait()
        return answer

    async def no_answer(**_: Any) -> None:
        raise RedisError("no answer")

    async with cut_off.invalidating([KEY]):
        pass
    monkeypatch.setattr(invalidator, "_close", slow_close)
    proxy.accept()
    await closed.wait()
    monkeypatch.setattr(invalidator, "_close", close)
    monkeypatch.setattr(invalidator, "_open", no_answer)
    async with cut_off.invalidating(["later"]):
        await redis.set(name, "old")  # as if its first step had failed, too
    may_return.set()
    await dropped(redis, name)


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


async def test_a_process_that_stops_before_redis_is_back_logs_how_many_keys_may_be_stale(
    cut_off: RedisCache,
) -> None:
    async with cut_off.invalidating(["a", "b"]):
        pass
    with capture_logs() as logs:
        await cut_off.aclose()
    assert {"event": "cache_may_be_stale", "keys": 2, "log_level": "error"} in logs
