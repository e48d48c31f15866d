"""Counters in Redis, as a storage for `limits`."""

from limits.aio.storage import RedisStorage
from redis.asyncio import Redis

from src.repositories.cache.redis import scripts


class RedisCounters(RedisStorage):
    """Counters that all processes share. As in `MemoryCounters`, no count falls below 0."""

    def __init__(self, *, redis: Redis, namespace: str) -> None:
        super().__init__(
            "async+redis://",
            wrap_exceptions=True,
            implementation="redispy",
            key_prefix=f"{namespace}:throttle",
            connection_pool=redis.connection_pool,  # type: ignore[arg-type]  # passed to redis-py
        )
        self._subtract = redis.register_script(scripts.SUBTRACT)

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Add to a counter, and return its count. A new counter expires after `expiry` seconds."""
        if amount > 0:
            return await super().incr(key, expiry, amount)
        name = self.bridge.prefixed_key(key)
        return int(await self._subtract(keys=[name], args=[-amount]))
