"""The cache while Redis refuses connections or does not answer: reads and writes go on."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import pytest

from src.repositories.cache.redis.breaker import PAUSE_SECONDS
from src.usecases.errors import UnavailableError
from tests.machinery.redis.loading import KEY, Loader, NewCache, Observed, SlowLoader
from tests.support.network import Proxy
from tests.support.waiting import eventually

Break = Callable[[Proxy], None]


@pytest.fixture(params=[Proxy.refuse, Proxy.hang], ids=["refusing", "hanging"])
def broken(request: pytest.FixtureRequest) -> Break:
    """A way to break the connection to Redis."""
    result: Break = request.param
    return result


@pytest.fixture
async def observed(new_cache: NewCache, proxy: Proxy) -> Observed:
    """A cache behind the proxy, with a connection to Redis."""
    cache = await new_cache(port=proxy.port)
    await cache.check()
    return Observed(cache)


@pytest.fixture
async def impatient(new_cache: NewCache, proxy: Proxy) -> Observed:
    """A cache behind the proxy, with a connection to Redis and a short timeout."""
    cache = await new_cache(port=proxy.port, timeout_seconds=0.2)

    async def is_connected() -> bool:
        with suppress(UnavailableError):
            await cache.check()
            return True
        return False

    await eventually(is_connected)
    return Observed(cache)


async def test_without_redis_one_reader_waits_for_it_and_the_next_ones_do_not_ask_it(
    impatient: Observed, proxy: Proxy, broken: Break
) -> None:
    broken(proxy)
    for _ in range(20):
        await impatient.get()
    assert len(impatient.reads) == 1


async def test_without_redis_many_readers_at_once_send_it_one_batch(
    impatient: Observed, proxy: Proxy, broken: Break
) -> None:
    broken(proxy)
    await asyncio.gather(*(impatient.get(f"sample:{number}") for number in range(200)))
    assert len(impatient.reads) == 1


async def test_without_redis_writes_succeed(
    impatient: Observed, proxy: Proxy, broken: Break
) -> None:
    broken(proxy)
    async with impatient.cache.invalidating([KEY]):
        written = True
    assert written


async def test_a_check_without_redis_raises_an_unavailable_error(
    impatient: Observed, proxy: Proxy, broken: Break
) -> None:
    broken(proxy)
    with pytest.raises(UnavailableError):
        await impatient.cache.check()


@pytest.mark.usefixtures("no_lease_expires")
async def test_each_pause_one_reader_tries_redis_again_until_it_is_back(
    observed: Observed, proxy: Proxy
) -> None:
    proxy.refuse()
    for attempts in (1, 2):
        for _ in range(10):
            await observed.get()
        assert len(observed.reads) == attempts
        observed.seconds += PAUSE_SECONDS
    proxy.accept()
    await observed.get(value=b"cached")
    load = Loader()
    for _ in range(10):
        assert await observed.cache.get_or_load([KEY], load) == [b"cached"]
    assert load.calls == 0


async def test_while_one_reader_tries_redis_again_the_others_do_not_wait_for_it(
    new_cache: NewCache, proxy: Proxy
) -> None:
    observed = Observed(await new_cache(port=proxy.port))
    await observed.cache.check()
    observed.cache._breaker.record_failure(TimeoutError())
    observed.seconds += PAUSE_SECONDS
    proxy.hang()
    trying = asyncio.create_task(observed.get())

    async def is_asking() -> bool:
        return len(observed.reads) == 1

    await eventually(is_asking)
    for _ in range(10):
        await observed.get()
    assert not trying.done()
    proxy.flow()
    await trying


async def test_a_fill_that_fails_costs_no_answer_and_opens_the_breaker(
    observed: Observed, proxy: Proxy
) -> None:
    load = SlowLoader(b"1")
    reader = asyncio.create_task(observed.cache.get_or_load([KEY], load))
    await load.has_read.wait()
    proxy.refuse()
    load.may_return.set()
    assert await reader == [b"1"]

    async def is_open() -> bool:
        return observed.cache._breaker.is_open()

    await eventually(is_open)
    await observed.get()
    assert len(observed.reads) == 1
