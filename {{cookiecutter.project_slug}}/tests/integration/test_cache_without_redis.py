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
