"""Leases: of many readers that miss a key, one loads it."""

import asyncio

import pytest
from redis.asyncio import Redis

from src.repositories.cache.redis import cache as redis_cache
from src.repositories.cache.redis.cache import RedisCache
from src.usecases.ports.cache import Values
from tests.machinery.redis.loading import KEY, Loader, SlowLoader, filled
from tests.support.waiting import eventually


async def test_a_value_that_one_process_cached_is_read_by_every_process(
    cache: RedisCache, other: RedisCache
) -> None:
    load = Loader(b"1")
    assert await cache.get_or_load([KEY], load) == [b"1"]
    assert await cache.get_or_load([KEY], load) == [b"1"]
    assert await other.get_or_load([KEY], load) == [b"1"]
    assert load.calls == 1


async def test_a_cached_value_expires_after_its_time_to_live(
    cache: RedisCache, redis: Redis, name: str
) -> None:
    await cache.get_or_load([KEY], Loader(b"1"))
    await filled(redis, name, b"1")
    assert 0 < await redis.pttl(name) <= 60_000


async def test_the_load_of_a_missing_row_leaves_nothing_in_redis(
    cache: RedisCache, redis: Redis, namespace: str
) -> None:
    assert await cache.get_or_load(["a", "b"], Loader()) is None
    await cache.get_or_load(["c"], Loader(b"C"))  # its fill comes after the end of the leases
    await filled(redis, f"{namespace}:c", b"C")
    assert await redis.keys(f"{namespace}:*") == [f"{namespace}:c".encode()]


@pytest.mark.usefixtures("no_lease_expires")
@pytest.mark.parametrize("seconds", [0, 0.01, 0.3])
async def test_two_hundred_misses_at_once_in_two_processes_load_once(
    cache: RedisCache, other: RedisCache, seconds: float
) -> None:
    load = SlowLoader(b"1")
    reads = [process.get_or_load([KEY], load) for _ in range(100) for process in (cache, other)]
    asyncio.get_running_loop().call_later(seconds, load.may_return.set)
    assert await asyncio.gather(*reads) == [[b"1"]] * 200
    assert load.calls == 1


@pytest.mark.usefixtures("no_lease_expires")
async def test_a_reader_of_one_key_gets_its_value_from_a_load_of_two(cache: RedisCache) -> None:
    load_both = SlowLoader(b"A", b"B")
    both = asyncio.create_task(cache.get_or_load(["a", "b"], load_both))
    await load_both.has_read.wait()
    one = asyncio.create_task(cache.get_or_load(["b"], Loader()))
    await asyncio.sleep(0.05)
    load_both.may_return.set()
    assert await one == [b"B"]
    assert await both == [b"A", b"B"]


@pytest.mark.usefixtures("no_lease_expires")
async def test_a_reader_of_a_missing_row_waits_for_two_loads_and_no_more(
    cache: RedisCache, other: RedisCache
) -> None:
    loads = [SlowLoader() for _ in range(12)]
    reads = [
        asyncio.create_task(process.get_or_load([KEY], load))
        for process, load in zip([cache, other] * 6, loads, strict=True)
    ]

    async def loading() -> list[SlowLoader]:
        return [load for load in loads if load.has_read.is_set()]

    for _ in range(2):
        [load] = await eventually(loading)
        load.may_return.set()
        loads.remove(load)
    for load in loads:
        await load.has_read.wait()
    for load in loads:
        load.may_return.set()
    assert await asyncio.gather(*reads) == [None] * 12


async def test_a_failed_load_raises_in_its_reader_only(cache: RedisCache) -> None:
    loading = asyncio.Event()

    async def fail() -> Values:
        loading.set()
        await asyncio.sleep(0.05)
        raise LookupError

    failing = asyncio.create_task(cache.get_or_load([KEY], fail))
    await loading.wait()
    assert await cache.get_or_load([KEY], Loader(b"1")) == [b"1"]
    with pytest.raises(LookupError):
        await failing


@pytest.mark.usefixtures("no_lease_expires")
async def test_a_cancelled_reader_gives_its_lease_back(
    cache: RedisCache, other: RedisCache, redis: Redis, name: str
) -> None:
    load = SlowLoader()
    cancelled = asyncio.create_task(other.get_or_load([KEY], load))
    await load.has_read.wait()
    cancelled.cancel()
    assert await cache.get_or_load([KEY], Loader(b"1")) == [b"1"]
    await filled(redis, name, b"1")


async def test_a_reader_without_its_lease_fills_nothing(
    cache: RedisCache, redis: Redis, name: str
) -> None:
    load = SlowLoader(b"old")
    reader = asyncio.create_task(cache.get_or_load([KEY], load))
    await load.has_read.wait()
    await redis.delete(f"{name}:lease")  # as Redis does when its memory is full
    load.may_return.set()
    assert await reader == [b"old"]
    assert await cache.get_or_load([KEY], Loader(b"new")) == [b"new"]


async def test_after_the_lease_of_a_dead_reader_expired_one_of_the_others_loads(
    cache: RedisCache, redis: Redis, name: str, no_lease_expires: None
) -> None:
    await redis.set(f"{name}:lease", "1234567890", px=300)
    load = Loader(b"1")
    reads = [cache.get_or_load([KEY], load) for _ in range(20)]
    assert await asyncio.gather(*reads) == [[b"1"]] * 20
    assert load.calls == 1


async def test_other_readers_do_not_wait_for_a_load_that_outlasts_its_lease(
    cache: RedisCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_cache, "LEASE_MS", 100)
    load = SlowLoader(b"late")
    slow = asyncio.create_task(cache.get_or_load([KEY], load))
    await load.has_read.wait()
    assert await cache.get_or_load([KEY], Loader(b"1")) == [b"1"]
    load.may_return.set()
    assert await slow == [b"late"]
