import time
from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import uuid4

import pytest
from limits.aio.storage import Storage
from redis.asyncio import Redis

from src.repositories.cache.redis.client import RedisServer
from src.repositories.cache.redis.counters import RedisCounters
from src.utils.security import guesses
from tests.support.guessing import PER_PAIR, guess, new_account, throttle_on
from tests.support.network import Proxy, closed_port

HOME = "192.0.2.1"


@pytest.fixture
async def storage(server: RedisServer, namespace: str) -> AsyncIterator[Storage]:
    """A storage with keys that only this test uses."""
    client = server.client(timeout_seconds=30)
    yield RedisCounters(redis=client, namespace=namespace)
    await client.aclose()


async def test_all_processes_share_their_counters_in_redis(storage: Storage) -> None:
    one = throttle_on(storage)
    other = throttle_on(storage)
    email = new_account()

    for _ in range(PER_PAIR):
        assert await guess(one.login(email, HOME))

    assert not await guess(other.login(email, HOME))


async def test_no_key_in_redis_contains_an_email_address_and_every_key_expires(
    redis: Redis, namespace: str, storage: Storage
) -> None:
    throttle = throttle_on(storage)

    await guess(throttle.login("ada@example.com", HOME), correct=True)
    await guess(throttle.login("ada@example.com", HOME))
    await guess(throttle.password_change(uuid4()))

    keys = [key async for key in redis.scan_iter(match=f"{namespace}:*")]
    assert len(keys) == 4
    assert not any(b"ada" in key for key in keys)
    assert all([await redis.ttl(key) > 0 for key in keys])


async def test_each_login_makes_its_address_known_for_another_thirty_days(
    redis: Redis, namespace: str, storage: Storage
) -> None:
    throttle = throttle_on(storage)
    await guess(throttle.login("ada@example.com", HOME), correct=True)
    [known] = [key async for key in redis.scan_iter(match=f"{namespace}:*known*")]
    await redis.expire(known, 3600)

    await guess(throttle.login("ada@example.com", HOME), correct=True)

    assert await redis.ttl(known) > 29 * 24 * 3600


@pytest.mark.parametrize("failure", ["refuses", "hangs"])
async def test_each_process_counts_in_its_own_memory_while_redis_is_unavailable(
    server: RedisServer, namespace: str, failure: str
) -> None:
    email = new_account()
    async with Proxy(server.host, server.port).running() as proxy:
        proxy.hang()
        port = proxy.port if failure == "hangs" else closed_port()
        here = replace(server, host="127.0.0.1", port=port)
        client = here.client(timeout_seconds=0.1)
        throttle = throttle_on(RedisCounters(redis=client, namespace=namespace))
        made = [await guess(throttle.login(email, HOME)) for _ in range(PER_PAIR + 2)]
        await client.aclose()
        proxy.cut()

    assert made == [True] * PER_PAIR + [False] * 2


async def test_a_counter_in_redis_never_falls_below_zero_and_keeps_its_expiry(
    storage: Storage,
) -> None:
    assert await storage.incr("key", 60, amount=-1) == 0
    assert await storage.get("key") == 0
    assert await storage.incr("key", 60, amount=2) == 2
    assert await storage.incr("key", 3600, amount=-1) == 1
    assert await storage.get_expiry("key") <= time.time() + 60
    assert await storage.incr("key", 60, amount=-3) == 0
    assert await storage.get("key") == 0


async def test_right_passwords_while_the_connection_to_redis_flaps_are_never_refused(
    server: RedisServer, redis: Redis, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guesses, "PAUSE_SECONDS", 0.0)
    email = new_account()
    async with Proxy(server.host, server.port).running() as proxy:
        here = replace(server, host="127.0.0.1", port=proxy.port)
        client = here.client(timeout_seconds=30)
        throttle = throttle_on(RedisCounters(redis=client, namespace=namespace))
        for change in (proxy.refuse, proxy.accept) * (2 * PER_PAIR):
            right = throttle.login(email, HOME)
            await right.__aenter__()
            change()
            await right.__aexit__(None, None, None)
        proxy.accept()
        assert await guess(throttle.login(email, HOME), correct=True)
        await client.aclose()

    counters = [key async for key in redis.scan_iter(match=f"{namespace}:*")]
    assert [key for key in counters if b"known" not in key] == []
