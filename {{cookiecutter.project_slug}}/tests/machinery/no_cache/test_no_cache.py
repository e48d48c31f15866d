from collections.abc import Sequence

from src.repositories.cache.none import NoCache


async def test_without_a_cache_every_read_loads() -> None:
    cache = NoCache()
    loads = 0

    async def load() -> Sequence[bytes]:
        nonlocal loads
        loads += 1
        return [b"%d" % loads, b"same"]

    assert await cache.get_or_load(["a", "b"], load) == [b"1", b"same"]
    async with cache.invalidating(["a"]):
        assert await cache.get_or_load(["a", "b"], load) == [b"2", b"same"]
    assert await cache.get_or_load(["a", "b"], load) == [b"3", b"same"]


async def test_without_a_cache_a_missing_row_is_none() -> None:
    async def load() -> None:
        return None

    assert await NoCache().get_or_load(["a"], load) is None


async def test_without_a_cache_a_check_raises_nothing() -> None:
    await NoCache().check()
