"""The cache when Redis refuses, hangs or is lost: slower, and never an error."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from src.config import Settings
from src.repositories.cache import breaker
from tests.support.loading import KEY, Loader, NewCache, SlowLoader
from tests.support.network import Proxy


@pytest.fixture
async def proxy(settings: Settings) -> AsyncIterator[Proxy]:
    """A way to Redis that can be broken."""
    async with Proxy(settings.redis.host, settings.redis.port).running() as proxy:
        yield proxy


Break = Callable[[Proxy], None]


@pytest.fixture(params=[Proxy.refuse, Proxy.hang], ids=["refusing", "hanging"])
def broken(request: pytest.FixtureRequest) -> Iterator[Break]:
    """Ways in which Redis can be gone."""
    return request.param  # type: ignore[no-any-return]


async def test_without_redis_values_are_loaded_after_one_short_wait(
    new_cache: NewCache, proxy: Proxy, broken: Break
) -> None:
    cache = await new_cache(port=proxy.port, timeout_seconds=0.1)
    await cache.get_or_load([KEY], Loader(b"cached"))
    broken(proxy)
    started = time.monotonic()
    for _ in range(20):
        assert await cache.get_or_load([KEY], Loader(b"loaded")) == [b"loaded"]
    assert time.monotonic() - started < 0.5


async def test_without_redis_writes_go_on(new_cache: NewCache, proxy: Proxy, broken: Break) -> None:
    cache = await new_cache(port=proxy.port, timeout_seconds=0.1)
    broken(proxy)
    async with cache.writing([KEY]):
        written = True
    assert written


async def test_the_breaker_leaves_a_broken_redis_alone_and_finds_it_when_it_is_back(
    new_cache: NewCache, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(breaker, "PAUSE_SECONDS", 0.3)
    cache = await new_cache(port=proxy.port)
    proxy.refuse()
    load = Loader(b"1")
    for _ in range(10):
        await cache.get_or_load([KEY], load)
    assert (load.calls, proxy.connections) == (10, 1)
    proxy.accept()
    await asyncio.sleep(0.4)
    for _ in range(10):
        await cache.get_or_load([KEY], load)
    assert load.calls == 11


async def test_redis_failing_between_load_and_fill_costs_no_answer_and_opens_the_breaker(
    new_cache: NewCache, proxy: Proxy
) -> None:
    cache = await new_cache(port=proxy.port)
    load = SlowLoader(b"1")
    reader = asyncio.create_task(cache.get_or_load([KEY], load))
    await load.has_read.wait()
    proxy.refuse()
    load.may_return.set()
    assert await reader == [b"1"]
    await asyncio.sleep(0.1)
    connections = proxy.connections
    assert await cache.get_or_load([KEY], Loader(b"2")) == [b"2"]
    assert proxy.connections == connections


async def test_many_readers_at_once_wait_no_longer_for_a_redis_that_hangs_than_one(
    new_cache: NewCache, proxy: Proxy
) -> None:
    cache = await new_cache(port=proxy.port, timeout_seconds=0.3)
    await cache.get_or_load([KEY], Loader(b"cached"))
    proxy.hang()
    started = time.monotonic()
    reads = (cache.get_or_load([f"user:{n}"], Loader(b"loaded")) for n in range(200))
    assert await asyncio.gather(*reads) == [[b"loaded"]] * 200
    assert time.monotonic() - started < 0.55


async def test_while_one_reader_tries_redis_again_the_others_do_not_wait_for_it(
    new_cache: NewCache, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(breaker, "PAUSE_SECONDS", 0.3)
    cache = await new_cache(port=proxy.port, timeout_seconds=0.3)
    await cache.get_or_load([KEY], Loader(b"cached"))
    proxy.hang()
    await cache.get_or_load([KEY], Loader(b"loaded"))
    await asyncio.sleep(0.35)
    trying = asyncio.create_task(cache.get_or_load([KEY], Loader(b"loaded")))
    await asyncio.sleep(0.05)
    started = time.monotonic()
    await cache.get_or_load([KEY], Loader(b"loaded"))
    assert time.monotonic() - started < 0.1
    assert not trying.done()
    await trying
