"""A cache in front of the database, which never shows what a committed write has replaced."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

Values = Sequence[bytes | None]
"""One value for each key, in the order of the keys; None where there is nothing."""
Loader = Callable[[], Awaitable[Values]]


class ReadThroughCache(Protocol):
    """Reads through to a loader; writers tell it which keys they are about to change."""

    async def get_or_load(self, keys: Sequence[str], load: Loader) -> Values:
        """Return the values of all keys, from the cache if it has them all, else from `load`.

        `load` must read committed data only. What it finds missing (None) is told to no read that
        begins after the load, so that whoever creates something has nothing to announce.
        """

    def writing(self, keys: Sequence[str]) -> AbstractAsyncContextManager[None]:
        """Enclose the commit of a transaction that changed these keys.

        From entry on nobody is given a cached value of them. After a normal exit the next reader
        fills them again; an exception leaves them closed until a deadline, since the transaction
        may yet have been committed.
        """
