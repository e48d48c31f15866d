"""Stand-ins for Postgres behind a cache, and waiting for what they fill."""

import asyncio
from collections.abc import Sequence
from typing import Any, Protocol

from redis.asyncio import Redis

from src.repositories.cache.redis.cache import RedisCache
from src.usecases.ports.cache import ReadThroughCache, Values
from tests.support.waiting import eventually

KEY = "sample:1"


class Loader:
    """Returns its values and counts its calls. No values stand for a missing row."""

    def __init__(self, *values: bytes) -> None:
        self._values = values
        self.calls = 0

    async def __call__(self) -> Values:
        self.calls += 1
        return [*self._values] or None


class SlowLoader(Loader):
    """Has read its values, and returns them when it is released."""

    def __init__(self, *values: bytes) -> None:
        super().__init__(*values)
        self.has_read = asyncio.Event()
        self.may_return = asyncio.Event()

    async def __call__(self) -> Values:
        self.has_read.set()
        await self.may_return.wait()
        return await super().__call__()


class Table:
    """The committed rows, and how often they were read."""

    def __init__(self, **rows: bytes) -> None:
        self.rows = rows
        self.reads = 0
        self.is_being_read = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def read(self, cache: ReadThroughCache, *keys: str) -> Values:
        """Read rows through the cache."""

        async def load() -> Values:
            self.reads += 1
            self.is_being_read.set()
            seen = [self.rows[key] for key in keys if key in self.rows]
            await self.may_answer.wait()
            return seen if len(seen) == len(keys) else None

        return await cache.get_or_load(keys, load)

    async def write(self, cache: ReadThroughCache, **rows: bytes) -> None:
        """Change rows as a transaction does."""
        async with cache.invalidating([*rows]):
            self.rows |= rows


class Observed:
    """A cache with a clock that stands still, and the READs that it sends."""

    def __init__(self, cache: RedisCache) -> None:
        self.cache = cache
        self.seconds = 1000.0
        self.reads: list[Sequence[bytes]] = []
        self._read = cache._read
        cache._breaker._clock = lambda: self.seconds
        cache._read = self._record  # type: ignore[assignment]

    async def _record(self, *, keys: Sequence[bytes], args: Sequence[int]) -> Any:
        self.reads.append(keys)
        return await self._read(keys=keys, args=args)

    async def get(self, key: str = KEY, value: bytes = b"loaded") -> None:
        """Read a key that is loaded, not cached."""
        load = Loader(value)
        assert await self.cache.get_or_load([key], load) == [value]
        assert load.calls == 1


class NewCache(Protocol):
    """Creates a cache with a Redis client of its own, as another process would have."""

    async def __call__(
        self, *, port: int | None = None, timeout_seconds: float = 30
    ) -> RedisCache: ...


async def filled(redis: Redis, name: str, value: bytes | None = None) -> None:
    """Wait until Redis holds a value, or this one. No reader waits for a fill, so a test must."""

    async def holds_the_value() -> bool:
        found = await redis.get(name)
        return found is not None and value in {None, found}

    await eventually(holds_the_value)


async def dropped(redis: Redis, name: str) -> None:
    """Wait until Redis holds no value."""

    async def holds_no_value() -> bool:
        return await redis.get(name) is None

    await eventually(holds_no_value)
