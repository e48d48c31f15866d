"""A read-through cache in Redis that never shows what a committed write has replaced.

Leases, after Nishtala et al., "Scaling Memcache at Facebook" (NSDI 2013), section 3.2.1, and marks
for writers in flight. Beside the value of a key stand the lease of the one reader that may fill it,
and the set of writers about to commit a change of it. docs/cache.md tells the whole protocol.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from itertools import islice
from secrets import token_hex
from typing import Any, NamedTuple

from redis.asyncio import Redis

from src.repositories.cache import scripts
from src.repositories.cache.batches import Batches
from src.repositories.cache.breaker import Breaker
from src.repositories.cache.writers import Writers
from src.usecases.ports.cache import Loader, Values

LEASE_MS = 2_000  # how long a reader that died keeps its lease
PAUSES = [0.005 * 2**n for n in range(9)]  # seconds between looks: in all, longer than a lease
STOP_SECONDS = 5.0  # how long a process that stops waits for what is under way


class Reader(NamedTuple):
    """Which entries somebody asks for, and since when."""

    names: Sequence[str]
    begun: float


class Fill(NamedTuple):
    """What FILL is told of an entry."""

    name: str
    lease: str
    life_ms: int
    value: bytes


class RedisCache:
    """The cache of all processes of this service. Its port is `ReadThroughCache`."""

    def __init__(self, redis: Redis, writers: Redis, *, namespace: str, ttl_seconds: int) -> None:
        self._redis = redis
        self._namespace = namespace
        self._ttl_ms = ttl_seconds * 1000
        self._breaker = Breaker()
        self._writers = Writers(writers, self._breaker, ttl_seconds + LEASE_MS / 1000)
        self._reads = Batches(self._look)
        self._fills = Batches(self._store)
        self._read = redis.register_script(scripts.READ)
        self._fill = redis.register_script(scripts.FILL)

    async def get_or_load(self, keys: Sequence[str], load: Loader) -> Values:
        reader = Reader(self._names(keys), time.monotonic())
        for pause in PAUSES:
            if not self._breaker.admits():
                break
            lease, answers = await self._reads.ask(reader)
            if scripts.GRANTED in answers:
                return await self._load_and_fill(reader.names, load, lease)
            if scripts.WRITING in answers:
                break
            if scripts.REFUSED not in answers:
                return [answer or None for answer in answers]
            await asyncio.sleep(pause)
        return await load()

    async def _look(self, readers: Sequence[Reader]) -> Sequence[tuple[str, list[Any]]]:
        """Return a lease and READ's answers for each. Without Redis, it is as if all were written.

        A lease says when, not who: whoever is granted a key began to load after it was taken.
        """
        lease, answers = token_hex(8), None
        if not self._breaker.is_open():
            now = time.monotonic()
            names = [name for reader in readers for name in reader.names]
            waited_ms = [int((now - r.begun) * 1000) for r in readers for _ in r.names]
            step = self._read(keys=names, args=[lease, LEASE_MS, *waited_ms])
            answers = await self._breaker.tried(step)
        if not answers:
            return [(lease, [scripts.WRITING])] * len(readers)
        self._breaker.succeeded()
        rest = iter(answers)
        return [(lease, [*islice(rest, len(reader.names))]) for reader in readers]

    async def _load_and_fill(self, names: Sequence[str], load: Loader, lease: str) -> Values:
        """Load, and have stored what the lease covers, which nobody waits for."""
        life_ms, values = 0, [b""] * len(names)
        try:
            loaded = await load()
            life_ms, values = self._ttl_ms, [value or b"" for value in loaded]
        finally:
            for name, value in zip(names, values, strict=True):
                self._fills.ask(Fill(name, lease, life_ms, value))
        return loaded

    async def _store(self, fills: Sequence[Fill]) -> Sequence[None]:
        names = [fill.name for fill in fills]
        arguments = [part for f in fills for part in (f.lease, f.life_ms, f.value)]
        await self._breaker.tried(self._fill(keys=names, args=arguments))
        return [None] * len(fills)

    def writing(self, keys: Sequence[str]) -> AbstractAsyncContextManager[None]:
        return self._writers.writing(self._names(keys)) if keys else nullcontext()

    async def aclose(self) -> None:
        """Wait a moment for what is under way, and close the connections."""
        await self._fills.aclose(STOP_SECONDS)
        await self._writers.aclose(STOP_SECONDS)
        await self._redis.aclose()

    def _names(self, keys: Sequence[str]) -> list[str]:
        return [f"{self._namespace}:{key}" for key in keys]
