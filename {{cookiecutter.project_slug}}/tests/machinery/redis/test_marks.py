"""Marks of writers in flight: during a commit, no reader gets or fills a value."""

import asyncio
from typing import Any

import pytest
from redis.asyncio import Redis

from src.repositories.cache.redis.cache import RedisCache
from src.repositories.cache.redis.invalidator import MARK_SECONDS
from tests.machinery.redis.loading import KEY, Loader, SlowLoader, filled


async def end_marks(redis: Redis, name: str) -> None:
    """Move the deadlines of all marks into the past."""
    writers: Any = await redis.zrange(f"{name}:writers", 0, -1)
    for writer in writers:
        await redis.zadd(f"{name}:writers", {writer: 1})


async def test_a_reader_whose_lease_is_older_than_a_write_fills_nothing(
    cache: RedisCache, other: RedisCache
) -> None:
    load_old = SlowLoader(b"old")
    reader = asyncio.create_task(cache.get_or_load([KEY], load_old))
    await load_old.has_read.wait()
    async with other.invalidating([KEY]):
        pass
    load_old.may_return.set()
    await reader
    assert await cache.get_or_load([KEY], Loader(b"new")) == [b"new"]


async def test_a_reader_after_a_write_does_not_get_the_value_of_a_load_from_before_it(
    cache: RedisCache,
) -> None:
    load_old = SlowLoader(b"old")
    early = asyncio.create_task(cache.get_or_load([KEY], load_old))
    await load_old.has_read.wait()
    async with cache.invalidating([KEY]):
        pass
    late = asyncio.create_task(cache.get_or_load([KEY], Loader(b"new")))
    await asyncio.sleep(0.05)
    load_old.may_return.set()
    assert await early == [b"old"]
    assert await late == [b"new"]


@pytest.mark.usefixtures("no_lease_expires")
async def test_during_a_write_readers_of_all_processes_load_and_fill_nothing(
    cache: RedisCache, other: RedisCache
) -> None:
    await cache.get_or_load([KEY], Loader(b"old"))
    async with other.invalidating([KEY]):
        assert await cache.get_or_load([KEY], Loader(b"during")) == [b"during"]
        assert await other.get_or_load([KEY], Loader(b"again")) == [b"again"]
    assert await cache.get_or_load([KEY], Loader(b"new")) == [b"new"]
    assert await cache.get_or_load([KEY], Loader()) == [b"new"]


async def test_of_writers_in_two_processes_the_first_to_finish_does_not_open_the_key(
    cache: RedisCache, other: RedisCache
) -> None:
    async with cache.invalidating([KEY]):
        async with other.invalidating([KEY]):
            pass
        assert await other.get_or_load([KEY], Loader(b"old")) == [b"old"]
        assert await other.get_or_load([KEY], Loader(b"newer")) == [b"newer"]
    assert await other.get_or_load([KEY], Loader(b"new")) == [b"new"]


async def test_a_dead_writer_keeps_its_key_closed_until_its_deadline(
    cache: RedisCache, other: RedisCache, redis: Redis, name: str
) -> None:
    before, _ = await redis.time()
    dead = other.invalidating([KEY])
    await dead.__aenter__()
    after, _ = await redis.time()
    for value in (b"1", b"2"):
        assert await cache.get_or_load([KEY], Loader(value)) == [value]
    marks: Any = await redis.zrange(f"{name}:writers", 0, -1, withscores=True)
    [(_, deadline)] = marks
    assert before + MARK_SECONDS < deadline <= after + MARK_SECONDS + 1
    expiry = await redis.expiretime(f"{name}:writers")
    assert before + MARK_SECONDS <= expiry <= after + MARK_SECONDS + 1
    await end_marks(redis, name)
    await cache.get_or_load([KEY], Loader(b"3"))
    await filled(redis, name, b"3")
    await dead.__aexit__(None, None, None)


async def test_the_mark_of_a_dead_writer_expires_while_other_writers_write_its_key(
    cache: RedisCache, other: RedisCache, redis: Redis, name: str
) -> None:
    dead = other.invalidating([KEY])
    await dead.__aenter__()
    await end_marks(redis, name)
    async with cache.invalidating([KEY]):
        assert await redis.zcard(f"{name}:writers") == 2
        assert await cache.get_or_load([KEY], Loader(b"during")) == [b"during"]
        assert await redis.zcard(f"{name}:writers") == 1
    await cache.get_or_load([KEY], Loader(b"new"))
    await filled(redis, name, b"new")
    await dead.__aexit__(None, None, None)


async def test_after_redis_evicted_a_mark_the_values_filled_since_are_dropped_with_the_commit(
    cache: RedisCache, other: RedisCache, redis: Redis, name: str
) -> None:
    async with other.invalidating([KEY]):
        await redis.delete(f"{name}:writers")
        await cache.get_or_load([KEY], Loader(b"old"))
        await filled(redis, name, b"old")
    assert await cache.get_or_load([KEY], Loader(b"new")) == [b"new"]
