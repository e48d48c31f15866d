"""Wrong guesses are counted in Redis, for all processes, and go on being counted without it."""

from uuid import uuid4

import pytest
from limits.aio.storage import Storage
from redis.asyncio import Redis

from src.config import Settings
from src.repositories.cache.client import create_client, create_counters
from tests.support.guessing import PER_PAIR, guess, throttle_on
from tests.support.network import Proxy, closed_port
from tests.support.users import new_email

HOME = "192.0.2.1"


@pytest.fixture
def counters(redis: Redis, namespace: str) -> Storage:
    """The storage of all processes, with keys of one test's own."""
    return create_counters(redis, namespace)


async def test_all_processes_count_together(counters: Storage) -> None:
    one, other = throttle_on(counters), throttle_on(counters)
    email = new_email()
    for _ in range(PER_PAIR):
        assert await guess(one.login(email, HOME))
    assert not await guess(other.login(email, HOME))


async def test_no_key_shows_an_email_address_and_every_key_has_an_end(
    redis: Redis, namespace: str
) -> None:
    throttle = throttle_on(create_counters(redis, namespace))
    await guess(throttle.login("ada@example.com", HOME), right=True)
    await guess(throttle.login("ada@example.com", HOME))
    await guess(throttle.password_change(uuid4()))
    keys = [key async for key in redis.scan_iter(match=f"{namespace}:*")]
    assert len(keys) == 5
    assert not any(b"ada" in key for key in keys)
    assert all([await redis.ttl(key) > 0 for key in keys])


async def test_each_login_makes_its_address_known_for_another_thirty_days(
    redis: Redis, namespace: str
) -> None:
    throttle = throttle_on(create_counters(redis, namespace))
    await guess(throttle.login("ada@example.com", HOME), right=True)
    [known] = [key async for key in redis.scan_iter(match=f"{namespace}:*known*")]
    await redis.expire(known, 60)
    await guess(throttle.login("ada@example.com", HOME), right=True)
    assert await redis.ttl(known) > 29 * 24 * 3600


@pytest.mark.parametrize("way", ["refuses", "hangs"])
async def test_while_redis_is_away_each_process_goes_on_counting(
    settings: Settings, way: str
) -> None:
    password = settings.redis.password.get_secret_value()
    async with Proxy(settings.redis.host, settings.redis.port).running() as proxy:
        proxy.hang()
        port = proxy.port if way == "hangs" else closed_port()
        client = create_client("127.0.0.1", port, password, 0.1)
        throttle, email = throttle_on(create_counters(client, settings.app.name)), new_email()
        made = [await guess(throttle.login(email, HOME)) for _ in range(PER_PAIR + 2)]
        await client.aclose()
        proxy.cut()
    assert made == [True] * PER_PAIR + [False] * 2
