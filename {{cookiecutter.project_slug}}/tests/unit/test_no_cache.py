from collections.abc import Sequence

from src.repositories.cache.none import NoCache


async def test_every_read_loads() -> None:
    cache, loads = NoCache(), 0

    async def load() -> Sequence[bytes | None]:
        nonlocal loads
        loads += 1
        return [b"%d" % loads, None]

    assert await cache.get_or_load(["a", "b"], load) == [b"1", None]
    async with cache.writing(["a"]):
        assert await cache.get_or_load(["a", "b"], load) == [b"2", None]
    assert await cache.get_or_load(["a", "b"], load) == [b"3", None]
