"""Keys of several writes that Redis did not confirm: they are closed in one step."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from src.repositories.cache.redis.cache import RedisCache
from tests.machinery.redis.loading import KEY, dropped
from tests.support.network import Proxy
from tests.support.waiting import eventually


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
