"""The writers' half of the cache: closing keys before a commit and opening them after it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from uuid import uuid4

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from src.repositories.cache import scripts
from src.repositories.cache.breaker import Breaker

log = structlog.get_logger()

MARK_MS = 30_000  # how long a writer that died keeps its keys closed; no commit may outlast it
LATE_MS = 200  # how often a late writer tries again
CLOSE_SECONDS = 5.0  # how long a process that stops waits for its late writers


class Writers:
    """Tells Redis who is about to change what.

    They have a client of their own, which is more patient and whose connections no burst of reads
    takes: what a writer cannot close may be shown stale.
    """

    def __init__(self, redis: Redis, breaker: Breaker, *, ttl_ms: int) -> None:
        self._redis = redis
        self._breaker = breaker
        self._tries = ttl_ms // LATE_MS
        self._late: set[asyncio.Task[None]] = set()
        self._close = redis.register_script(scripts.CLOSE)
        self._open = redis.register_script(scripts.OPEN)

    @asynccontextmanager
    async def writing(self, names: Sequence[str]) -> AsyncIterator[None]:
        """Keep keys closed, and leave them so after an exception."""
        if not names:
            yield
            return
        writer = uuid4().hex
        await self._tried(self._close(keys=names, args=[writer, MARK_MS]))
        yield
        if not await self._tried(self._open(keys=names, args=[writer])):
            task = asyncio.create_task(self._open_later(names, writer))
            self._late.add(task)
            task.add_done_callback(self._late.discard)

    async def aclose(self) -> None:
        """Wait a moment for late writers, and close the connections."""
        if self._late:
            _, left = await asyncio.wait(self._late, timeout=CLOSE_SECONDS)
            if left:
                log.error("cache_may_be_stale", writers=len(left))
        await self._redis.aclose()

    async def _tried(self, step: Awaitable[object]) -> bool:
        """Tell whether a step was done. Writers do not ask the breaker first."""
        try:
            await step
        except RedisError as error:
            self._breaker.failed(error)
            return False
        return True

    async def _open_later(self, names: Sequence[str], writer: str) -> None:
        """Drop what could not be dropped in time, as soon as Redis is back or it has expired."""
        for _ in range(self._tries):
            await asyncio.sleep(LATE_MS / 1000)
            if await self._tried(self._open(keys=names, args=[writer])):
                return
