"""A cache that stores nothing, so it is never stale."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, nullcontext

from src.usecases.ports.cache import Loader, ReadThroughCache, Values


class NoCache(ReadThroughCache):
    """Loads on every read."""

    async def get_or_load(self, keys: Sequence[str], load: Loader) -> Values:  # noqa: ARG002
        return await load()

    def invalidating(self, keys: Sequence[str]) -> AbstractAsyncContextManager[None]:  # noqa: ARG002
        return nullcontext()

    async def check(self) -> None:
        return
