import asyncio
from collections.abc import Sequence
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from src.config import Settings
from src.repositories.cache.redis import RedisCache
from src.usecases.ports.cache import ReadThroughCache, Values
from tests.fakes.cache import InMemoryCache


@pytest.fixture(params=["fake", "real"])
def cache(request: pytest.FixtureRequest) -> ReadThroughCache:
    if request.param == "fake":
        return InMemoryCache()
    redis: Redis = request.getfixturevalue("redis")
    settings: Settings = request.getfixturevalue("settings")
    namespace = f"{settings.app.name}:{uuid4().hex}"
    return RedisCache(redis, redis, namespace=namespace, ttl_seconds=60)


class Table:
    """What is committed, and how often it was read."""

    def __init__(self, **rows: bytes) -> None:
        self.rows = rows
        self.reads = 0
        self.is_being_read = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def read(self, cache: ReadThroughCache, *keys: str) -> Sequence[bytes | None]:
        """Read rows through the cache."""

        async def load() -> Values:
            self.reads += 1
            self.is_being_read.set()
            seen = [self.rows.get(key) for key in keys]
            await self.may_answer.wait()
            return seen

        return await cache.get_or_load(keys, load)

    async def write(self, cache: ReadThroughCache, **rows: bytes) -> None:
        """Change rows as a transaction does."""
        async with cache.writing([*rows]):
            self.rows |= rows


async def test_what_is_created_while_it_is_looked_for_is_found_by_whoever_comes_then(
    cache: ReadThroughCache,
) -> None:
    table = Table()
    table.may_answer.clear()
    early = asyncio.create_task(table.read(cache, "a"))
    await table.is_being_read.wait()
    table.rows["a"] = b"created"
    late = asyncio.create_task(table.read(cache, "a"))
    await asyncio.sleep(0.05)
    table.may_answer.set()

    assert [*await early] == [None]
    assert [*await late] == [b"created"]


async def test_what_was_read_once_is_read_from_the_cache(cache: ReadThroughCache) -> None:
    table = Table(a=b"1", b=b"2")

    for _ in range(3):
        assert [*await table.read(cache, "a", "b")] == [b"1", b"2"]

    assert table.reads == 1


async def test_values_come_in_the_order_of_the_keys(cache: ReadThroughCache) -> None:
    table = Table(a=b"1", b=b"2")
    await table.read(cache, "a", "b")

    assert [*await table.read(cache, "b", "a")] == [b"2", b"1"]
    assert table.reads == 1


async def test_all_keys_are_loaded_when_one_is_missing(cache: ReadThroughCache) -> None:
    table = Table(a=b"1", b=b"2")
    await table.read(cache, "a")

    assert [*await table.read(cache, "a", "b")] == [b"1", b"2"]
    assert [*await table.read(cache, "b")] == [b"2"]
    assert table.reads == 2


async def test_what_is_not_there_is_not_remembered(cache: ReadThroughCache) -> None:
    table = Table()
    assert [*await table.read(cache, "a")] == [None]
    table.rows["a"] = b"1"

    assert [*await table.read(cache, "a")] == [b"1"]


async def test_any_bytes_can_be_kept(cache: ReadThroughCache) -> None:
    table = Table(a=bytes(range(256)))

    for _ in range(2):
        assert [*await table.read(cache, "a")] == [bytes(range(256))]

    assert table.reads == 1


async def test_an_error_while_loading_is_passed_on_and_not_remembered(
    cache: ReadThroughCache,
) -> None:
    async def fail() -> Values:
        raise ConnectionError("no database")

    with pytest.raises(ConnectionError):
        await cache.get_or_load(["a"], fail)

    assert [*await Table(a=b"1").read(cache, "a")] == [b"1"]


async def test_after_a_write_the_new_value_is_read_and_kept(cache: ReadThroughCache) -> None:
    table = Table(a=b"old", b=b"same")
    await table.read(cache, "a", "b")

    await table.write(cache, a=b"new")

    for _ in range(2):
        assert [*await table.read(cache, "a")] == [b"new"]
    assert table.reads == 2
    assert [*await table.read(cache, "b")] == [b"same"]
    assert table.reads == 2


async def test_while_a_write_is_under_way_everyone_reads_the_database(
    cache: ReadThroughCache,
) -> None:
    table = Table(a=b"old")
    await table.read(cache, "a")

    async with cache.writing(["a"]):
        assert [*await table.read(cache, "a")] == [b"old"]
        table.rows["a"] = b"new"
        assert [*await table.read(cache, "a")] == [b"new"]

    assert table.reads == 3
    assert [*await table.read(cache, "a")] == [b"new"]


async def test_a_read_that_began_before_a_write_does_not_bring_back_the_old_value(
    cache: ReadThroughCache,
) -> None:
    table = Table(a=b"old")
    table.may_answer.clear()
    slow = asyncio.create_task(table.read(cache, "a"))
    await table.is_being_read.wait()

    await table.write(cache, a=b"new")
    table.may_answer.set()

    assert [*await slow] == [b"old"]
    assert [*await table.read(cache, "a")] == [b"new"]


async def test_a_read_that_began_within_a_write_does_not_bring_back_the_old_value(
    cache: ReadThroughCache,
) -> None:
    table = Table(a=b"old")
    table.may_answer.clear()
    async with cache.writing(["a"]):
        slow = asyncio.create_task(table.read(cache, "a"))
        await table.is_being_read.wait()
        table.rows["a"] = b"new"
    table.may_answer.set()

    assert [*await slow] == [b"old"]
    assert [*await table.read(cache, "a")] == [b"new"]


async def test_of_two_writers_the_first_to_leave_does_not_open_the_key(
    cache: ReadThroughCache,
) -> None:
    table = Table(a=b"old")

    async with cache.writing(["a"]):
        async with cache.writing(["a"]):
            table.rows["a"] = b"one"
        assert [*await table.read(cache, "a")] == [b"one"]
        table.rows["a"] = b"two"
        assert [*await table.read(cache, "a")] == [b"two"]

    assert [*await table.read(cache, "a")] == [b"two"]


async def test_a_write_that_failed_leaves_its_keys_closed_since_it_may_have_been_committed(
    cache: ReadThroughCache,
) -> None:
    table = Table(a=b"old", b=b"same")
    await table.read(cache, "a", "b")

    with pytest.raises(ConnectionError):
        async with cache.writing(["a"]):
            raise ConnectionError("no answer to the commit")

    assert [*await table.read(cache, "a")] == [b"old"]
    table.rows["a"] = b"new"
    assert [*await table.read(cache, "a")] == [b"new"]
    assert table.reads == 3
    assert [*await table.read(cache, "b")] == [b"same"]
    assert table.reads == 3


async def test_writing_no_keys_closes_none(cache: ReadThroughCache) -> None:
    table = Table(a=b"1")
    await table.read(cache, "a")

    async with cache.writing([]):
        assert [*await table.read(cache, "a")] == [b"1"]

    assert table.reads == 1


async def test_many_readers_at_once_all_get_the_value(cache: ReadThroughCache) -> None:
    table = Table(a=b"1", b=b"2")

    seen = await asyncio.gather(*(table.read(cache, "a", "b") for _ in range(30)))

    assert all([*values] == [b"1", b"2"] for values in seen)


async def test_readers_and_writers_in_turmoil_never_see_what_was_replaced(
    cache: ReadThroughCache,
) -> None:
    table = Table(a=b"0")
    stale: list[tuple[int, int]] = []

    async def write() -> None:
        for number in range(1, 60):
            await table.write(cache, a=str(number).encode())
            await asyncio.sleep(0)

    async def read() -> None:
        for _ in range(60):
            committed = int(table.rows["a"])
            [value] = await table.read(cache, "a")
            if value is None or int(value) < committed:
                stale.append((int(value or 0), committed))

    await asyncio.gather(write(), *(read() for _ in range(8)))

    assert stale == []
