"""Stand-ins for Postgres behind a cache."""

import asyncio
from typing import Protocol

from src.repositories.cache.redis import RedisCache
from src.usecases.ports.cache import Values

KEY = "user:1"


class Loader:
    """Stands for Postgres: tells how often it was asked."""

    def __init__(self, *values: bytes | None, seconds: float = 0) -> None:
        self._values = values
        self._seconds = seconds
        self.calls = 0

    async def __call__(self) -> Values:
        self.calls += 1
        await asyncio.sleep(self._seconds)
        return [*self._values]


class SlowLoader(Loader):
    """Has read its values, and hands them over when told to."""

    def __init__(self, *values: bytes | None) -> None:
        super().__init__(*values)
        self.has_read = asyncio.Event()
        self.may_return = asyncio.Event()

    async def __call__(self) -> Values:
        self.has_read.set()
        await self.may_return.wait()
        return await super().__call__()


class NewCache(Protocol):
    """Makes a cache on a client of its own."""

    async def __call__(
        self, *, port: int | None = None, timeout_seconds: float = 5
    ) -> RedisCache: ...
