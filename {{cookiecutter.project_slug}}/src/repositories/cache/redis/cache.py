"""A read-through cache in Redis that never serves a value which a commit has replaced.

Leases, after Nishtala et al., "Scaling Memcache at Facebook" (NSDI 2013), section 3.2.1, and marks
for writers about to commit. docs/cache.md describes the protocol.
"""

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from itertools import islice
from secrets import randbelow
from typing import Any, NamedTuple

from redis.asyncio import Redis
from redis.exceptions import RedisError

from src.repositories.cache.redis import scripts
from src.repositories.cache.redis.batcher import Batcher
from src.repositories.cache.redis.breaker import CircuitBreaker
from src.repositories.cache.redis.errors import RedisRefusedError, state_of
from src.repositories.cache.redis.invalidator import CacheInvalidator
from src.usecases.errors import UnavailableError
from src.usecases.ports.cache import Loader, ReadThroughCache, Values

LEASE_MS = 2_000
"""How long a dead reader keeps its lease."""
MAX_LEASE = 2**52
"""Lua's numbers are exact up to here."""
PAUSES = [0.005 * 2**n for n in range(9)]
"""Seconds between looks at a key that another reader loads: in all, longer than a lease."""
MAX_AWAITED_LOADS = 2
"""How many loads of a key a reader waits for. A load that finds no row fills nothing."""
STOP_SECONDS = 5.0
"""How long a process that stops waits for the steps in progress."""


class Fill(NamedTuple):
    """An entry to be filled under a lease. An empty value gives the lease back."""

    name: bytes
    lease: int
    value: bytes


class RedisCache(ReadThroughCache):
    """The cache that all processes of this service share."""

    def __init__(
        self, *, redis: Redis, invalidator_redis: Redis, namespace: str, ttl_seconds: int
    ) -> None:
        self._redis = redis
        self._prefix = f"{namespace}:"
        self._ttl_ms = ttl_seconds * 1000
        self._breaker = CircuitBreaker()
        self._invalidator = CacheInvalidator(
            redis=invalidator_redis,
            breaker=self._breaker,
            max_stale_seconds=ttl_seconds + LEASE_MS / 1000,
        )
        self._reads = Batcher(send=self._read_batch)
        self._fills = Batcher(send=self._fill_batch)
        self._read = redis.register_script(scripts.READ)
        self._fill = redis.register_script(scripts.FILL)

    async def get_or_load(self, keys: Sequence[str], load: Loader) -> Values:
        names = self._names(keys)
        awaited: set[int] = set()
        for pause in PAUSES:
            if not self._breaker.admits():
                break
            lease, answers = await self._reads.submit(names)
            misses = {answer for answer in answers if isinstance(answer, int)}
            if not misses:
                return answers
            if scripts.GRANTED in misses:
                return await self._load_and_fill(names, load, lease)
            awaited |= misses
            if scripts.WRITING in misses or len(awaited) > MAX_AWAITED_LOADS * len(names):
                break
            await asyncio.sleep(pause)
        return await load()

    async def _read_batch(self, batch: Sequence[list[bytes]]) -> Sequence[tuple[int, list[Any]]]:
        """Return READ's answers for each reader, and the lease. If Redis fails, all are WRITING.

        One lease suffices for a batch: it only proves that a load began after it was granted.
        """
        lease = scripts.FIRST_LEASE + randbelow(MAX_LEASE)
        answers = None
        if not self._breaker.is_open():
            names = [name for names in batch for name in names]
            answers = await self._breaker.call(self._read(keys=names, args=[lease, LEASE_MS]))
        if not answers:
            return [(lease, [scripts.WRITING])] * len(batch)
        self._breaker.record_success()
        rest = iter(answers)
        return [(lease, [*islice(rest, len(names))]) for names in batch]

    async def _load_and_fill(self, names: Sequence[bytes], load: Loader, lease: int) -> Values:
        """Load, and fill the keys that the lease covers, without waiting for the fill."""
        values: Values = None
        try:
            values = await load()
        finally:
            for name, value in zip(names, values or [b""] * len(names), strict=True):
                self._fills.submit(Fill(name, lease, value))
        return values

    async def _fill_batch(self, fills: Sequence[Fill]) -> Sequence[None]:
        names = [fill.name for fill in fills]
        arguments = [part for fill in fills for part in (fill.lease, fill.value)]
        await self._breaker.call(self._fill(keys=names, args=[self._ttl_ms, *arguments]))
        return [None] * len(fills)

    def invalidating(self, keys: Sequence[str]) -> AbstractAsyncContextManager[None]:
        return self._invalidator.invalidating(self._names(keys)) if keys else nullcontext()

    async def check(self) -> None:
        # A write, because an invalidation is one, and a replica answers reads.
        try:
            await self._redis.set(f"{self._prefix}check", b"", px=LEASE_MS)
        except RedisError as error:
            if isinstance(error, RedisRefusedError):
                self._breaker.record_failure(error)
            text = f"Redis does not store: {type(error).__name__}"
            raise UnavailableError(text, state_of(error)) from error

    async def aclose(self) -> None:
        """Wait a limited time for the steps in progress, then close the connections."""
        await self._fills.aclose(STOP_SECONDS)
        await self._invalidator.aclose(STOP_SECONDS)
        await self._redis.aclose()

    def _names(self, keys: Sequence[str]) -> list[bytes]:
        # As bytes: redis-py spends less on them than on text.
        return [(self._prefix + key).encode() for key in keys]
