"""The contract of `ReadThroughCache` about writes, for the fake and for the cache in Redis."""

import asyncio

import pytest

from src.usecases.ports.cache import ReadThroughCache
from tests.machinery.redis.loading import Table


async def test_after_a_write_the_new_value_is_read_and_cached(any_cache: ReadThroughCache) -> None:
    table = Table(a=b"old", b=b"same")
    await table.read(any_cache, "a", "b")

    await table.write(any_cache, a=b"new")

    for _ in range(2):
        assert await table.read(any_cache, "a") == [b"new"]
    assert table.reads == 2
    assert await table.read(any_cache, "b") == [b"same"]
    assert table.reads == 2


async def test_during_a_write_every_reader_reads_the_database(any_cache: ReadThroughCache) -> None:
    table = Table(a=b"old")
    await table.read(any_cache, "a")

    async with any_cache.invalidating(["a"]):
        assert await table.read(any_cache, "a") == [b"old"]
        table.rows["a"] = b"new"
        assert await table.read(any_cache, "a") == [b"new"]

    assert table.reads == 3
    assert await table.read(any_cache, "a") == [b"new"]


async def test_a_read_that_began_before_a_write_does_not_cache_the_old_value(
    any_cache: ReadThroughCache,
) -> None:
    table = Table(a=b"old")
    table.may_answer.clear()
    slow = asyncio.create_task(table.read(any_cache, "a"))
    await table.is_being_read.wait()

    await table.write(any_cache, a=b"new")
    table.may_answer.set()

    assert await slow == [b"old"]
    assert await table.read(any_cache, "a") == [b"new"]


async def test_a_read_that_began_during_a_write_does_not_cache_the_old_value(
    any_cache: ReadThroughCache,
) -> None:
    table = Table(a=b"old")
    table.may_answer.clear()
    async with any_cache.invalidating(["a"]):
        slow = asyncio.create_task(table.read(any_cache, "a"))
        await table.is_being_read.wait()
        table.rows["a"] = b"new"
    table.may_answer.set()

    assert await slow == [b"old"]
    assert await table.read(any_cache, "a") == [b"new"]


async def test_of_two_writers_the_first_to_finish_does_not_open_the_key(
    any_cache: ReadThroughCache,
) -> None:
    table = Table(a=b"old")

    async with any_cache.invalidating(["a"]):
        async with any_cache.invalidating(["a"]):
            table.rows["a"] = b"one"
        assert await table.read(any_cache, "a") == [b"one"]
        table.rows["a"] = b"two"
        assert await table.read(any_cache, "a") == [b"two"]

    assert await table.read(any_cache, "a") == [b"two"]


async def test_a_failed_write_leaves_its_keys_uncached_because_it_may_be_committed(
    any_cache: ReadThroughCache,
) -> None:
    table = Table(a=b"old", b=b"same")
    await table.read(any_cache, "a", "b")

    with pytest.raises(ConnectionError):
        async with any_cache.invalidating(["a"]):
            raise ConnectionError("no answer to the commit")

    assert await table.read(any_cache, "a") == [b"old"]
    table.rows["a"] = b"new"
    assert await table.read(any_cache, "a") == [b"new"]
    assert table.reads == 3
    assert await table.read(any_cache, "b") == [b"same"]
    assert table.reads == 3


async def test_a_write_of_no_keys_invalidates_no_key(any_cache: ReadThroughCache) -> None:
    table = Table(a=b"1")
    await table.read(any_cache, "a")

    async with any_cache.invalidating([]):
        assert await table.read(any_cache, "a") == [b"1"]

    assert table.reads == 1


async def test_concurrent_readers_and_writers_never_see_a_replaced_value(
    any_cache: ReadThroughCache,
) -> None:
    table = Table(a=b"0")
    stale: list[tuple[int, int]] = []

    async def write() -> None:
        for number in range(1, 60):
            await table.write(any_cache, a=str(number).encode())
            await asyncio.sleep(0)

    async def read() -> None:
        for _ in range(60):
            committed = int(table.rows["a"])
            values = await table.read(any_cache, "a")
            seen = int(values[0]) if values else 0
            if seen < committed:
                stale.append((seen, committed))

    await asyncio.gather(write(), *(read() for _ in range(8)))

    assert stale == []
