"""The leases of the Redis cache. Two caches of one namespace stand for two processes."""

import asyncio
import time

import pytest
from redis.asyncio import Redis

from src.repositories.cache import redis as redis_cache
from src.repositories.cache import writers
from src.repositories.cache.redis import RedisCache
from src.usecases.ports.cache import Values
from tests.support.loading import KEY, Loader, SlowLoader
from tests.support.waiting import eventually


async def test_a_value_is_loaded_once_and_then_read_by_every_process(
    cache: RedisCache, other: RedisCache
) -> None:
    load = Loader(b"1")
    assert await cache.get_or_load([KEY], load) == [b"1"]
    assert await cache.get_or_load([KEY], load) == [b"1"]
    assert await other.get_or_load([KEY], load) == [b"1"]
    assert load.calls == 1


async def test_values_come_in_the_order_of_their_keys_even_if_one_was_cached_before(
    cache: RedisCache,
) -> None:
    await cache.get_or_load(["b"], Loader(b"B"))
    assert await cache.get_or_load(["a", "b"], Loader(b"A", b"B")) == [b"A", b"B"]
    assert await cache.get_or_load(["b", "a"], Loader(None, None)) == [b"B", b"A"]


async def test_that_there_was_nothing_is_not_told_to_those_who_come_later(
    cache: RedisCache, redis: Redis, namespace: str
) -> None:
    await cache.get_or_load([KEY], Loader(None))

    async def is_filled() -> bool:
        return await redis.get(f"{namespace}:{KEY}") == b""

    await eventually(is_filled)
    assert await cache.get_or_load([KEY], Loader(b"1")) == [b"1"]
    assert await redis.pttl(f"{namespace}:{KEY}") > 0


async def test_a_cached_value_ends_with_its_time_to_live(
    cache: RedisCache, redis: Redis, namespace: str
) -> None:
    await cache.get_or_load([KEY], Loader(b"1"))

    async def is_filled() -> bool:
        return 0 < await redis.pttl(f"{namespace}:{KEY}") <= 60_000

    await eventually(is_filled)


async def test_what_is_missing_is_asked_for_again(cache: RedisCache) -> None:
    assert await cache.get_or_load([KEY], Loader(None)) == [None]
    assert await cache.get_or_load([KEY], Loader(b"new")) == [b"new"]


async def test_many_misses_at_once_load_once_in_one_process(cache: RedisCache) -> None:
    load = Loader(b"1", seconds=0.1)
    assert (
        await asyncio.gather(*(cache.get_or_load([KEY], load) for _ in range(50))) == [[b"1"]] * 50
    )
    assert load.calls == 1


async def test_a_reader_of_one_key_who_waits_for_a_load_of_two_is_given_its_own(
    cache: RedisCache,
) -> None:
    both = asyncio.create_task(cache.get_or_load(["a", "b"], Loader(b"A", b"B", seconds=0.1)))
    await asyncio.sleep(0.05)
    assert await cache.get_or_load(["b"], Loader(None)) == [b"B"]
    assert await both == [b"A", b"B"]


@pytest.mark.parametrize("seconds", [0, 0.01, 0.3])
async def test_two_hundred_misses_at_once_in_two_processes_load_twice_at_the_most(
    cache: RedisCache, other: RedisCache, seconds: float
) -> None:
    load = Loader(b"1", seconds=seconds)
    reads = [c.get_or_load([KEY], load) for _ in range(100) for c in (cache, other)]
    assert await asyncio.gather(*reads) == [[b"1"]] * 200
    assert load.calls <= 2


async def test_a_failing_load_fails_its_reader_and_leaves_the_others_to_their_own(
    cache: RedisCache,
) -> None:
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


async def test_a_reader_that_took_its_lease_before_a_write_cannot_fill_after_it(
    cache: RedisCache, other: RedisCache
) -> None:
    load_old = SlowLoader(b"old")
    reader = asyncio.create_task(cache.get_or_load([KEY], load_old))
    await load_old.has_read.wait()
    async with other.writing([KEY]):
        pass
    load_old.may_return.set()
    await reader
    assert await cache.get_or_load([KEY], Loader(b"new")) == [b"new"]


async def test_a_reader_after_a_write_is_not_given_what_another_read_before_it(
    cache: RedisCache,
) -> None:
    load_old = SlowLoader(b"old")
    early = asyncio.create_task(cache.get_or_load([KEY], load_old))
    await load_old.has_read.wait()
    async with cache.writing([KEY]):
        pass
    late = asyncio.create_task(cache.get_or_load([KEY], Loader(b"new")))
    await asyncio.sleep(0.05)
    load_old.may_return.set()
    assert await early == [b"old"]
    assert await late == [b"new"]


async def test_while_a_write_is_in_flight_readers_load_and_fill_nothing(
    cache: RedisCache, other: RedisCache
) -> None:
    await cache.get_or_load([KEY], Loader(b"old"))
    async with other.writing([KEY]):
        assert await cache.get_or_load([KEY], Loader(b"seen in between")) == [b"seen in between"]
        assert await other.get_or_load([KEY], Loader(b"and again")) == [b"and again"]
    assert await cache.get_or_load([KEY], Loader(b"new")) == [b"new"]
    assert await cache.get_or_load([KEY], Loader(None)) == [b"new"]


async def test_of_two_writers_the_first_to_finish_does_not_open_the_key_for_the_other(
    cache: RedisCache, other: RedisCache
) -> None:
    async with cache.writing([KEY]):
        async with other.writing([KEY]):
            pass
        assert await other.get_or_load([KEY], Loader(b"old")) == [b"old"]
        assert await other.get_or_load([KEY], Loader(b"newer")) == [b"newer"]
    assert await other.get_or_load([KEY], Loader(b"new")) == [b"new"]


async def test_a_writer_that_died_keeps_its_key_closed_until_the_deadline_and_no_longer(
    cache: RedisCache, other: RedisCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writers, "MARK_SECONDS", 1)
    dead = other.writing([KEY])
    await dead.__aenter__()
    load = Loader(b"1")
    for calls in (1, 2):
        await cache.get_or_load([KEY], load)
        assert load.calls == calls
    await asyncio.sleep(1.1)
    for _ in range(2):
        await cache.get_or_load([KEY], load)
    assert load.calls == 3
    await dead.__aexit__(None, None, None)


async def test_a_writer_that_died_is_forgotten_though_others_go_on_writing(
    cache: RedisCache, other: RedisCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writers, "MARK_SECONDS", 1)
    dead = other.writing([KEY])
    await dead.__aenter__()
    monkeypatch.setattr(writers, "MARK_SECONDS", 30)
    async with cache.writing([KEY]):
        pass
    await asyncio.sleep(2.1)  # deadlines are rounded up
    load = Loader(b"1")
    for _ in range(2):
        assert await cache.get_or_load([KEY], load) == [b"1"]
    assert load.calls == 1
    await dead.__aexit__(None, None, None)


async def test_what_was_filled_because_redis_evicted_a_mark_is_dropped_after_the_commit(
    cache: RedisCache, other: RedisCache, redis: Redis, namespace: str
) -> None:
    async def is_filled() -> bool:
        return await redis.get(f"{namespace}:{KEY}") == b"old"

    async with other.writing([KEY]):
        await redis.delete(f"{namespace}:{KEY}:writers")
        await cache.get_or_load([KEY], Loader(b"old"))
        await eventually(is_filled)
    assert await cache.get_or_load([KEY], Loader(b"new")) == [b"new"]


async def test_a_reader_whose_lease_redis_evicted_fills_nothing(
    cache: RedisCache, redis: Redis, namespace: str
) -> None:
    load = SlowLoader(b"old")
    reader = asyncio.create_task(cache.get_or_load([KEY], load))
    await load.has_read.wait()
    await redis.delete(f"{namespace}:{KEY}:lease")
    load.may_return.set()
    assert await reader == [b"old"]
    assert await cache.get_or_load([KEY], Loader(b"new")) == [b"new"]


async def test_a_reader_that_gave_up_gives_its_lease_back(
    cache: RedisCache, other: RedisCache
) -> None:
    load = SlowLoader(b"never")
    cancelled = asyncio.create_task(other.get_or_load([KEY], load))
    await load.has_read.wait()
    cancelled.cancel()
    started = time.monotonic()
    assert await cache.get_or_load([KEY], Loader(b"1")) == [b"1"]
    assert time.monotonic() - started < redis_cache.LEASE_MS / 2000


async def test_a_reader_whose_process_died_holds_up_the_others_until_its_lease_expires(
    cache: RedisCache, redis: Redis, namespace: str
) -> None:
    await redis.set(f"{namespace}:{KEY}:lease", "of the dead", px=300)
    load = Loader(b"1")
    assert (
        await asyncio.gather(*(cache.get_or_load([KEY], load) for _ in range(20))) == [[b"1"]] * 20
    )
    assert load.calls == 1


async def test_a_load_that_takes_longer_than_its_lease_does_not_hold_up_the_others(
    cache: RedisCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_cache, "LEASE_MS", 100)
    load = SlowLoader(b"late")
    slow = asyncio.create_task(cache.get_or_load([KEY], load))
    await load.has_read.wait()
    assert await cache.get_or_load([KEY], Loader(b"1")) == [b"1"]
    load.may_return.set()
    assert await slow == [b"late"]


async def test_many_readers_of_what_does_not_exist_wait_for_one_load(
    cache: RedisCache, other: RedisCache
) -> None:
    load = Loader(None, seconds=0.05)
    started = time.monotonic()
    reads = [c.get_or_load([KEY], load) for _ in range(50) for c in (cache, other)]
    assert await asyncio.gather(*reads) == [[None]] * 100
    assert load.calls <= 2
    assert time.monotonic() - started < redis_cache.LEASE_MS / 1000
