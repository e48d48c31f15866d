"""The contract of `ReadThroughCache`, for the fake and for the cache in Redis."""

import asyncio

import pytest

from src.usecases.ports.cache import ReadThroughCache, Values
from tests.machinery.redis.loading import Table


async def test_a_row_is_read_from_the_database_once_and_then_from_the_cache(
    any_cache: ReadThroughCache,
) -> None:
    table = Table(a=b"1", b=b"2")

    for _ in range(3):
        assert await table.read(any_cache, "a", "b") == [b"1", b"2"]

    assert table.reads == 1


async def test_values_come_in_the_order_of_the_keys(any_cache: ReadThroughCache) -> None:
    table = Table(a=b"1", b=b"2")
    await table.read(any_cache, "a", "b")

    assert await table.read(any_cache, "b", "a") == [b"2", b"1"]
    assert table.reads == 1


async def test_if_one_of_several_keys_is_not_cached_all_of_them_are_loaded(
    any_cache: ReadThroughCache,
) -> None:
    table = Table(a=b"1", b=b"2")
    await table.read(any_cache, "a")

    assert await table.read(any_cache, "a", "b") == [b"1", b"2"]
    assert await table.read(any_cache, "b") == [b"2"]
    assert table.reads == 2


async def test_a_missing_row_is_never_cached(any_cache: ReadThroughCache) -> None:
    table = Table(a=b"1")
    assert await table.read(any_cache, "b") is None
    assert await table.read(any_cache, "a", "b") is None
    table.rows["b"] = b"2"

    assert await table.read(any_cache, "b") == [b"2"]
    assert await table.read(any_cache, "a", "b") == [b"1", b"2"]


async def test_a_row_created_during_a_load_that_misses_it_is_found_by_the_next_reader(
    any_cache: ReadThroughCache,
) -> None:
    table = Table()
    table.may_answer.clear()
    early = asyncio.create_task(table.read(any_cache, "a"))
    await table.is_being_read.wait()
    table.rows["a"] = b"created"
    late = asyncio.create_task(table.read(any_cache, "a"))
    await asyncio.sleep(0.05)
    table.may_answer.set()

    assert await early is None
    assert await late == [b"created"]


async def test_any_bytes_can_be_cached(any_cache: ReadThroughCache) -> None:
    table = Table(a=bytes(range(256)))

    for _ in range(2):
        assert await table.read(any_cache, "a") == [bytes(range(256))]

    assert table.reads == 1


async def test_an_error_of_the_load_is_raised_and_nothing_is_cached(
    any_cache: ReadThroughCache,
) -> None:
    async def fail() -> Values:
        raise ConnectionError("no database")

    with pytest.raises(ConnectionError):
        await any_cache.get_or_load(["a"], fail)

    assert await Table(a=b"1").read(any_cache, "a") == [b"1"]


async def test_many_readers_at_once_all_get_the_value(any_cache: ReadThroughCache) -> None:
    table = Table(a=b"1", b=b"2")

    seen = await asyncio.gather(*(table.read(any_cache, "a", "b") for _ in range(30)))

    assert seen == [[b"1", b"2"]] * 30


async def test_a_check_of_a_cache_that_answers_raises_nothing(any_cache: ReadThroughCache) -> None:
    await any_cache.check()
