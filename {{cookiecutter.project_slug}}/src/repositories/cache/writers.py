"""What writers do in Redis: close their keys before the commit, and open them after it."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from secrets import token_hex

import structlog
from redis.asyncio import Redis

from src.repositories.cache import scripts
from src.repositories.cache.breaker import Breaker

log = structlog.get_logger()

MARK_SECONDS = 30  # how long a writer that died keeps its keys closed; no commit may outlast it
LATE_SECONDS = 0.2  # how often it is tried again to close what could not be opened


class Writers:
    """Those of this process.

    They have a client of their own, which is more patient and whose connections no burst of reads
    takes: what a writer cannot close may be shown stale, for `stale_seconds` at most.
    """

    def __init__(self, redis: Redis, breaker: Breaker, stale_seconds: float) -> None:
        self._redis = redis
        self._breaker = breaker
        self._stale_seconds = stale_seconds
        self._late: dict[str, float] = {}
        self._closing: asyncio.Task[None] | None = None
        self._close = redis.register_script(scripts.CLOSE)
        self._open = redis.register_script(scripts.OPEN)

    @asynccontextmanager
    async def writing(self, names: Sequence[str]) -> AsyncIterator[None]:
        """Enclose a commit: nobody is given a cached value of these entries meanwhile."""
        writer, is_open = token_hex(8), None
        await self._breaker.tried(self._close(keys=names, args=[writer, MARK_SECONDS]))
        try:
            yield
            is_open = await self._breaker.tried(self._open(keys=names, args=[writer]))
        finally:
            if not is_open:
                # Whether it was committed or not, and whether Redis knew of it before or not.
                self._late |= dict.fromkeys(names, time.monotonic() + self._stale_seconds)
                if self._closing is None or self._closing.done():
                    self._closing = asyncio.create_task(self._close_late())

    async def _close_late(self) -> None:
        """Close what could not be opened, once Redis is back: before, it may show old values."""
        while self._late:
            await asyncio.sleep(LATE_SECONDS)
            late = {name: end for name, end in self._late.items() if end > time.monotonic()}
            self._late = late.copy()  # to which others are added meanwhile
            step = self._close(keys=[*late], args=[token_hex(8), MARK_SECONDS])
            if await self._breaker.tried(step):
                self._late = dict(self._late.items() - late.items())

    async def aclose(self, timeout_seconds: float) -> None:
        """Wait a moment until all is closed, and close the connections."""
        if self._closing is not None:
            await asyncio.wait([self._closing], timeout=timeout_seconds)
        if self._late:
            log.error("cache_may_be_stale", keys=len(self._late))
        await self._redis.aclose()
