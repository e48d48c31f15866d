"""A write that Redis could not be told of in time."""

from redis.asyncio import Redis

from src.config import Settings
from tests.support.loading import KEY, Loader, NewCache
from tests.support.network import Proxy
from tests.support.waiting import eventually


async def test_a_key_that_could_not_be_dropped_is_dropped_once_redis_is_back(
    settings: Settings, new_cache: NewCache, redis: Redis, namespace: str
) -> None:
    async with Proxy(settings.redis.host, settings.redis.port).running() as proxy:
        cache = await new_cache(port=proxy.port, timeout_seconds=0.2)
        assert await cache.get_or_load([KEY], Loader(b"old")) == [b"old"]

        async def is_kept() -> bool:
            return await redis.get(f"{namespace}:{KEY}") == b"old"

        await eventually(is_kept)
        proxy.refuse()
        async with cache.writing([KEY]):
            pass
        assert await redis.get(f"{namespace}:{KEY}") == b"old"  # Redis does not know yet

        async def is_dropped() -> bool:
            return await redis.get(f"{namespace}:{KEY}") is None

        proxy.accept()
        await eventually(is_dropped)
