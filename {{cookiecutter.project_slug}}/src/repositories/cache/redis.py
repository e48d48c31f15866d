"""A read-through cache in Redis that never shows what a committed write has replaced.

Leases, after Nishtala et al., "Scaling Memcache at Facebook" (NSDI 2013), section 3.2.1, and marks
for writers in flight. Beside the value of a key stand the lease of the one reader that may fill it,
and the set of writers about to commit a change of it. docs/cache.md tells the whole protocol.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import islice
from secrets import token_hex
from typing import Any, NamedTuple

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from src.repositories.cache import scripts
from src.repositories.cache.batches import Batches
from src.repositories.cache.breaker import Breaker
from src.usecases.ports.cache import Loader, Values

log = structlog.get_logger()

LEASE_MS = 2_000  # how long a reader that died keeps its lease
MARK_SECONDS = 30  # how long a writer that died keeps its keys closed; no commit may outlast it
PAUSES = [0.005 * 2**n for n in range(9)]  # seconds between looks: in all, longer than a lease
LATE_SECONDS = 0.2  # how often it is tried again to close what could not be opened
STOP_SECONDS = 5.0  # how long a process that stops waits for that


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
    """The cache of all processes of this service. Its port is `ReadThroughCache`.

    Writers have a client of their own, which is more patient and whose connections no burst of
    reads takes: what a writer cannot close may be shown stale.
    """

    def __init__(self, redis: Redis, writers: Redis, *, namespace: str, ttl_seconds: int) -> None:
        self._clients = (redis, writers)
        self._namespace = namespace
        self._ttl_seconds = ttl_seconds
        self._breaker = Breaker()
        self._reads = Batches(self._look)
        self._fills = Batches(self._store)
        self._late: dict[str, float] = {}
        self._closing: asyncio.Task[None] | None = None
        self._read = redis.register_script(scripts.READ)
        self._fill = redis.register_script(scripts.FILL)
        self._close = writers.register_script(scripts.CLOSE)
        self._open = writers.register_script(scripts.OPEN)

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
            answers = await self._tried(step)
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
            life_ms, values = self._ttl_seconds * 1000, [value or b"" for value in loaded]
        finally:
            for name, value in zip(names, values, strict=True):
                self._fills.ask(Fill(name, lease, life_ms, value))
        return loaded

    async def _store(self, fills: Sequence[Fill]) -> Sequence[None]:
        names = [fill.name for fill in fills]
        arguments = [part for f in fills for part in (f.lease, f.life_ms, f.value)]
        await self._tried(self._fill(keys=names, args=arguments))
        return [None] * len(fills)

    @asynccontextmanager
    async def writing(self, keys: Sequence[str]) -> AsyncIterator[None]:
        if not keys:
            yield
            return
        names, writer, is_open = self._names(keys), token_hex(8), None
        await self._tried(self._close(keys=names, args=[writer, MARK_SECONDS]))
        try:
            yield
            is_open = await self._tried(self._open(keys=names, args=[writer]))
        finally:
            if not is_open:
                # Whether it was committed or not, and whether Redis knew of it before or not.
                if not self._late:
                    self._closing = asyncio.create_task(self._close_late())
                self._late |= dict.fromkeys(names, time.monotonic() + self._ttl_seconds)

    async def _close_late(self) -> None:
        """Close what could not be opened, once Redis is back: before, it may show old values."""
        while self._late:
            await asyncio.sleep(LATE_SECONDS)
            now = time.monotonic()
            late = self._late = {n: end for n, end in self._late.items() if end > now}
            if await self._tried(self._close(keys=[*late], args=[token_hex(8), MARK_SECONDS])):
                self._late = dict(self._late.items() - late.items())

    async def _tried(self, step: Awaitable[Any]) -> Any:
        """Return the answer to a step, or None if there is none."""
        try:
            return await step
        except RedisError as error:
            self._breaker.failed(error)
            return None

    async def aclose(self) -> None:
        """Wait a moment for what is under way, and close the connections."""
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_SECONDS):
                await self._fills.aclose()
                if self._closing is not None:
                    await asyncio.wait([self._closing])
        if self._late:
            log.error("cache_may_be_stale", keys=len(self._late))
        for client in self._clients:
            await client.aclose()

    def _names(self, keys: Sequence[str]) -> list[str]:
        return [f"{self._namespace}:{key}" for key in keys]
