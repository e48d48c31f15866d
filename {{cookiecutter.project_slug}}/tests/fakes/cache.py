"""A cache in the memory of one process."""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from src.usecases.ports.cache import Loader, ReadThroughCache, Values


class InMemoryCache(ReadThroughCache):
    """Fills a key only if no writer changed it during the load."""

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}
        self._writers: Counter[str] = Counter()
        self._writes: Counter[str] = Counter()

    async def get_or_load(self, keys: Sequence[str], load: Loader) -> Values:
        if all(key in self.values for key in keys):
            return [self.values[key] for key in keys]
        writes_before = [self._writes[key] for key in keys]
        loaded = await load()
        if loaded is None:
            return None
        for key, writes, value in zip(keys, writes_before, loaded, strict=True):
            if self._writes[key] == writes and not self._writers[key]:
                self.values[key] = value
        return loaded

    @asynccontextmanager
    async def invalidating(self, keys: Sequence[str]) -> AsyncIterator[None]:
        self._drop(keys)
        self._writers.update(keys)
        yield
        self._writers.subtract(keys)
        self._drop(keys)

    async def check(self) -> None:
        return

    def _drop(self, keys: Sequence[str]) -> None:
        for key in keys:
            self.values.pop(key, None)
        self._writes.update(keys)
