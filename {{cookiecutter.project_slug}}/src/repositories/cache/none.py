"""A cache that keeps nothing, and so is never stale."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, nullcontext

from src.usecases.ports.cache import Loader, Values


class NoCache:
    """Always loads. Its port is `ReadThroughCache`."""

    async def get_or_load(self, keys: Sequence[str], load: Loader) -> Values:  # noqa: ARG002
        return await load()

    def writing(self, keys: Sequence[str]) -> AbstractAsyncContextManager[None]:  # noqa: ARG002
        return nullcontext()
