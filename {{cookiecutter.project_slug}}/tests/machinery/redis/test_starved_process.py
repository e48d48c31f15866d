"""A process that gets no CPU for a while, and a Redis that answers in the meantime."""

import asyncio
import time
from collections.abc import Callable

import pytest
import uvloop

from src.repositories.cache.redis.cache import RedisCache
from src.repositories.cache.redis.client import RedisServer
from src.repositories.cache.redis.timeout import LoopTimeout
from tests.machinery.redis.loading import KEY, Loader
from tests.support.waiting import eventually

TIMEOUT_SECONDS = 0.5
NewLoop = Callable[[], asyncio.AbstractEventLoop]


async def read_while_starved(server: RedisServer, namespace: str) -> tuple[int, bool]:
    """Stop this thread's loop for three timeouts, while Redis answers a read of a cached key.

    Return how often the key was loaded, and whether the breaker is open.
    """
    client = server.client(timeout_seconds=TIMEOUT_SECONDS)
    cache = RedisCache(redis=client, invalidator_redis=client, namespace=namespace, ttl_seconds=60)

    async def is_filled() -> bool:
        await cache.get_or_load([KEY], Loader(b"cached"))
        return bool(await client.get(f"{namespace}:{KEY}"))

    await eventually(is_filled)
    load = Loader(b"loaded")
    reading = asyncio.create_task(cache.get_or_load([KEY], load))
    for _ in range(5):  # redis-py sends the command
        await asyncio.sleep(0)
    time.sleep(3 * TIMEOUT_SECONDS)  # noqa: ASYNC251  nothing runs in this loop meanwhile
    await reading
    is_open = cache._breaker.is_open()
    await cache.aclose()
    return load.calls, is_open


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
async def test_a_process_without_cpu_does_not_take_its_own_delay_for_the_silence_of_redis(
    server: RedisServer, namespace: str, new_loop: NewLoop
) -> None:
    def run() -> tuple[int, bool]:
        with asyncio.Runner(loop_factory=new_loop) as runner:
            return runner.run(read_while_starved(server, namespace))

    loads, is_open = await asyncio.to_thread(run)
    assert loads == 0
    assert not is_open


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
async def test_a_timeout_ends_a_wait_for_a_server_that_is_silent(new_loop: NewLoop) -> None:
    async def wait() -> None:
        with pytest.raises(TimeoutError):
            async with LoopTimeout(0.01):
                await asyncio.Event().wait()
        async with LoopTimeout(0.01):
            answer = await asyncio.sleep(0, "an answer")
        await asyncio.sleep(0.02)
        assert answer == "an answer"

    def run() -> None:
        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(wait())

    await asyncio.to_thread(run)
