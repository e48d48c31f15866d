"""A read-through cache in Redis that never shows what a committed write has replaced.

Leases, after Nishtala et al., "Scaling Memcache at Facebook" (NSDI 2013), section 3.2.1, and marks
for writers in flight. Beside the value of a key stand the lease of the one reader that may fill it,
and the set of writers about to commit a change of it. docs/cache.md tells the whole protocol.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from typing import cast
from uuid import uuid4

from redis.asyncio import Redis
from redis.exceptions import RedisError

from src.repositories.cache import scripts
from src.repositories.cache.breaker import Breaker
from src.usecases.ports.cache import Loader, Values

LEASE_MS, WRITER_MS, LATE_MS = 2_000, 30_000, 200
"""How long a reader that died keeps its lease, and a writer its keys closed, which no commit may
outlast; how often a late writer tries again."""
POLLS, POLL_SECONDS = 4, 0.005


class RedisCache:
    """The cache of all processes of this service. Its port is `ReadThroughCache`.

    Writers have a client of their own, which is more patient and whose connections no burst of
    reads takes: what a writer cannot close may be shown stale.
    """

    def __init__(self, redis: Redis, writers: Redis, *, namespace: str, ttl_seconds: int) -> None:
        self._redis, self._writers = redis, writers
        self._namespace = namespace
        self._ttl_ms = ttl_seconds * 1000
        self._breaker = Breaker()
        self._late: set[asyncio.Task[None]] = set()
        self._flights: dict[str, asyncio.Future[bytes | None]] = {}
        self._lease = redis.register_script(scripts.LEASE)
        self._fill = redis.register_script(scripts.FILL)
        self._close = writers.register_script(scripts.CLOSE)
        self._open = writers.register_script(scripts.OPEN)

    async def get_or_load(self, keys: Sequence[str], load: Loader) -> Values:
        if not self._breaker.is_open():
            try:
                values = await self._get_or_fill(self._names(keys), load)
                if values is not None:
                    return values
            except RedisError as error:
                self._breaker.failed(error)
        return await load()

    async def _get_or_fill(self, names: Sequence[str], load: Loader) -> Values | None:
        """Return what Redis has or a lease let us fill; None if somebody is in our way."""
        for _ in range(POLLS):
            values = cast("Values", await self._redis.mget(names))  # it decodes nothing
            self._breaker.succeeded()
            missing = [name for name, value in zip(names, values, strict=True) if value is None]
            if not missing:
                return values
            lease = uuid4().hex
            answers = await self._lease(keys=missing, args=[lease, LEASE_MS])
            granted = [n for n, a in zip(missing, answers, strict=True) if a == scripts.GRANTED]
            if granted:
                return await self._load_and_fill(names, load, granted, lease)
            if scripts.WRITING in answers:
                return None
            if joined := await self._join(missing):
                return [joined.get(n, v) for n, v in zip(names, values, strict=True)]
            await asyncio.sleep(POLL_SECONDS)
        return None

    async def _load_and_fill(
        self, names: Sequence[str], load: Loader, granted: Sequence[str], lease: str
    ) -> Values:
        """Load, store what the lease covers, and give it to those of this process who wait."""
        flights = {name: asyncio.get_running_loop().create_future() for name in granted}
        self._flights |= flights
        filled: dict[str, bytes] = {}
        try:
            values = await load()
            found = {n: v for n, v in zip(names, values, strict=True) if n in flights and v}
            self._depart(flights)
            try:
                if found:
                    done = await self._fill([*found], [lease, self._ttl_ms, *found.values()])
                    filled = {n: found[n] for n, ok in zip(found, done, strict=True) if ok}
            except RedisError as error:
                self._breaker.failed(error)
            return values
        finally:
            self._depart(flights)
            for name, flight in flights.items():
                flight.set_result(filled.get(name))

    def _depart(self, flights: dict[str, asyncio.Future[bytes | None]]) -> None:
        """Let nobody else join: who comes when the key is being filled may come after a write."""
        for name, flight in flights.items():
            if self._flights.get(name) is flight:
                del self._flights[name]

    async def _join(self, missing: Sequence[str]) -> dict[str, bytes] | None:
        """Wait for this process's own loads of the keys; None unless each of them was filled.

        A value may be shared only if it was filled, and only with those who joined before: its
        lease then held at a moment after they had begun to read.
        """
        flights = [self._flights.get(name) for name in missing]
        waited = {n: await asyncio.shield(f) for n, f in zip(missing, flights, strict=True) if f}
        filled = {name: value for name, value in waited.items() if value is not None}
        return filled if len(filled) == len(missing) else None

    @asynccontextmanager
    async def writing(self, keys: Sequence[str]) -> AsyncIterator[None]:
        if not keys:
            yield
            return
        names, writer = self._names(keys), uuid4().hex
        await self._tried(self._close(keys=names, args=[writer, WRITER_MS]))
        yield
        if not await self._tried(self._open(keys=names, args=[writer])):
            task = asyncio.create_task(self._open_later(names, writer))
            self._late.add(task)
            task.add_done_callback(self._late.discard)

    async def _tried(self, step: Awaitable[object]) -> bool:
        """Tell whether a writer's step was done. Writers do not ask the breaker first."""
        try:
            await step
        except RedisError as error:
            self._breaker.failed(error)
            return False
        return True

    async def _open_later(self, names: Sequence[str], writer: str) -> None:
        """Drop what could not be dropped in time, as soon as Redis is back or it has expired."""
        for _ in range(self._ttl_ms // LATE_MS):
            await asyncio.sleep(LATE_MS / 1000)
            if await self._tried(self._open(keys=names, args=[writer])):
                return

    async def aclose(self) -> None:
        await self._redis.aclose()
        await self._writers.aclose()

    def _names(self, keys: Sequence[str]) -> list[str]:
        return [f"{self._namespace}:{key}" for key in keys]
