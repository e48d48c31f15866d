"""Invalidates cached keys around commits."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from secrets import token_hex

import structlog
from redis.asyncio import Redis

from src.repositories.cache.redis import scripts
from src.repositories.cache.redis.breaker import CircuitBreaker

log = structlog.get_logger()

MARK_SECONDS = 30
"""How long the mark of a dead writer keeps its keys closed. No commit may outlast it."""
RETRY_SECONDS = 0.2
EARLIER_SECONDS = 0.8
"""Keys that Redis did not close are closed this long before the breaker admits a reader."""


class CacheInvalidator:
    """Closes a writer's keys before the commit, and opens them after it.

    It has a Redis client of its own, with a longer timeout, and no burst of reads can take its
    connections. Keys that it cannot close may be served stale, for `max_stale_seconds` at most.
    """

    def __init__(self, *, redis: Redis, breaker: CircuitBreaker, max_stale_seconds: float) -> None:
        self._redis = redis
        self._breaker = breaker
        self._max_stale_seconds = max_stale_seconds
        self._unclosed: dict[bytes, float] = {}
        self._retrying: asyncio.Task[None] | None = None
        self._close = redis.register_script(scripts.CLOSE)
        self._open = redis.register_script(scripts.OPEN)

    @asynccontextmanager
    async def invalidating(self, names: Sequence[bytes]) -> AsyncIterator[None]:
        """Enclose a commit: no reader gets a cached value of these entries until it has ended."""
        writer = token_hex(8)
        is_open = None
        await self._breaker.call(self._close(keys=names, args=[writer, MARK_SECONDS]))
        try:
            yield
            is_open = await self._breaker.call(self._open(keys=names, args=[writer]))
        finally:
            if not is_open:
                # The commit may or may not have succeeded, and Redis may hold the old values.
                self._close_later(names)

    def _close_later(self, names: Sequence[bytes]) -> None:
        self._unclosed |= dict.fromkeys(names, time.monotonic() + self._max_stale_seconds)
        if self._retrying is None or self._retrying.done():
            self._retrying = asyncio.create_task(self._retry())

    async def _retry(self) -> None:
        """Close the keys once Redis answers again: until then it may serve old values."""
        while self._unclosed:
            await asyncio.sleep(RETRY_SECONDS)
            # Asked again each time: the breaker's pause may have become shorter.
            if self._breaker.remaining_seconds() > EARLIER_SECONDS:
                continue
            now = time.monotonic()
            batch = {name: expiry for name, expiry in self._unclosed.items() if expiry > now}
            self._unclosed = batch.copy()  # other writers add to it while this batch is sent
            if not batch:
                return
            step = self._close(keys=[*batch], args=[token_hex(8), MARK_SECONDS])
            if await self._breaker.call(step):
                self._unclosed = dict(self._unclosed.items() - batch.items())

    async def aclose(self, timeout_seconds: float) -> None:
        """Wait a limited time until every key is closed, then close the connections."""
        if self._retrying is not None:
            await asyncio.wait([self._retrying], timeout=timeout_seconds)
        if self._unclosed:
            log.error("cache_may_be_stale", keys=len(self._unclosed))
        await self._redis.aclose()
