"""The read-through cache in front of Postgres, which never serves an overwritten value."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

Values = Sequence[bytes] | None
"""One value for each key, in the order of the keys; None if the row does not exist."""
Loader = Callable[[], Awaitable[Values]]


class ReadThroughCache(Protocol):
    """Serves cached values, loads missing ones, and drops values that a commit changes."""

    async def get_or_load(self, keys: Sequence[str], load: Loader) -> Values:
        """Return the values of all keys: from the cache if it has them all, else from `load`.

        `load` must read committed data only. A missing row (None) is never cached, so creating a
        row needs no invalidation.
        """

    def invalidating(self, keys: Sequence[str]) -> AbstractAsyncContextManager[None]:
        """Enclose the commit of a transaction that changed these keys.

        From entry on, no reader gets a cached value of them. After a normal exit the next reader
        fills them again. After an exception they stay uncached until a deadline, because the commit
        may have succeeded.
        """

    async def check(self) -> None:
        """Return if the cache answers, else raise `UnavailableError`."""
