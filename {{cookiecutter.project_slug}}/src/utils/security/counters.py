"""Counters in the memory of one process, as a storage for `limits`."""

import time
from collections import OrderedDict
from typing import NamedTuple

from limits.aio.storage import Storage

MAX_COUNTERS = 100_000  # about 33 MB


class Counter(NamedTuple):
    """A number of hits, and the Unix time at which it expires."""

    hits: int
    expires_at: float


class MemoryCounters(Storage):
    """At most `MAX_COUNTERS` counters. The oldest is evicted first.

    A custom storage, because the library's `MemoryStorage` keeps any number of counters and scans
    all of them at each hit.
    """

    def __init__(self) -> None:
        super().__init__()
        # An OrderedDict removes its first item in constant time. A dict does not.
        self._counters: OrderedDict[str, Counter] = OrderedDict()

    @property
    def base_exceptions(self) -> tuple[type[Exception], ...]:
        """The errors of the storage: none, because memory is always available."""
        return ()

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Add to a counter, and return its count. A new counter expires after `expiry` seconds.

        A negative amount subtracts. The count never falls below 0.
        """
        counter = self._find(key) or Counter(0, time.time() + expiry)
        count = max(0, counter.hits + amount)
        if count == 0:
            await self.clear(key)
            return 0
        self._counters[key] = Counter(count, counter.expires_at)
        if len(self._counters) > MAX_COUNTERS:
            self._counters.popitem(last=False)
        return count

    async def get(self, key: str) -> int:
        """Return a count: 0 if there is no such counter."""
        counter = self._find(key)
        return counter.hits if counter else 0

    async def get_expiry(self, key: str) -> float:
        """Return the Unix time at which a counter expires: now if there is no such counter."""
        counter = self._find(key)
        return counter.expires_at if counter else time.time()

    async def check(self) -> bool:
        """Return True: memory is always available."""
        return True

    async def reset(self) -> int:
        """Remove all counters. Return how many there were."""
        removed = len(self._counters)
        self._counters.clear()
        return removed

    async def clear(self, key: str) -> None:
        """Remove a counter, if there is one."""
        self._counters.pop(key, None)

    def _find(self, key: str) -> Counter | None:
        """Return a counter that has not expired, and remove it if it has."""
        counter = self._counters.get(key)
        if counter and counter.expires_at <= time.time():
            del self._counters[key]
            return None
        return counter
