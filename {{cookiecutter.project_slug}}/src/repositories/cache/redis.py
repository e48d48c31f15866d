"""A read-through cache in Redis that never shows what a committed write has replaced.

Leases, after Nishtala et al., "Scaling Memcache at Facebook" (NSDI 2013), section 3.2.1, and marks
for writers in flight. Beside the value of a key stand the lease of the one reader that may fill it,
and the set of writers about to commit a change of it. docs/cache.md tells the whole protocol.
"""

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, cast
from uuid import uuid4

from redis.asyncio import Redis
from redis.exceptions import RedisError

from src.repositories.cache import scripts
from src.repositories.cache.breaker import Breaker
from src.repositories.cache.writers import Writers
from src.usecases.ports.cache import Loader, Values

LEASE_MS = 2_000  # how long a reader that died keeps its lease
READERS = 32  # who ask at once: the time that others wait for their turn is not Redis's
PAUSES = [0.005 * 2**n for n in range(9)]  # seconds between looks: in all, longer than a lease

Found = dict[str, bytes | None]


class RedisCache:
    """The cache of all processes of this service. Its port is `ReadThroughCache`."""

    def __init__(self, redis: Redis, writers: Redis, *, namespace: str, ttl_seconds: int) -> None:
        self._redis = redis
        self._namespace = namespace
        self._ttl_ms = ttl_seconds * 1000
        self._breaker = Breaker()
        self._writers = Writers(writers, self._breaker, ttl_ms=self._ttl_ms)
        self._turns = asyncio.Semaphore(READERS)
        self._fills: set[asyncio.Task[None]] = set()
        self._flights: dict[str, asyncio.Future[Found]] = {}
        self._read = redis.register_script(scripts.READ)
        self._fill = redis.register_script(scripts.FILL)

    async def get_or_load(self, keys: Sequence[str], load: Loader) -> Values:
        names = self._names(keys)
        try:
            if values := await self._get_or_fill(names, load):
                return values
        except RedisError as error:
            self._breaker.failed(error)
        return await load()

    async def _get_or_fill(self, names: Sequence[str], load: Loader) -> Values | None:
        """Return what Redis has or a lease let us fill; None if somebody is in our way."""
        for pause in PAUSES:
            lease = uuid4().hex
            async with self._turns:
                if self._breaker.is_open():
                    return None
                answers = await self._read(keys=names, args=[lease, LEASE_MS])
            self._breaker.succeeded()
            missing = {n: a for n, a in zip(names, answers, strict=True) if isinstance(a, int)}
            if not missing:
                return cast("Values", answers)  # the client decodes nothing
            if granted := [name for name, answer in missing.items() if answer == scripts.GRANTED]:
                return await self._load_and_fill(names, load, granted, lease)
            if scripts.WRITING in missing.values():
                return None
            flights = [self._flights[name] for name in missing if name in self._flights]
            if len(flights) == len(missing):
                return await self._join(flights, dict(zip(names, answers, strict=True)))
            await asyncio.sleep(pause)
        return None

    async def _load_and_fill(
        self, names: Sequence[str], load: Loader, granted: Sequence[str], lease: str
    ) -> Values:
        """Load, and have stored what the lease covers: nobody waits for that."""
        flights = {name: asyncio.get_running_loop().create_future() for name in granted}
        self._flights |= flights
        loaded: Found = {}
        try:
            values = await load()
            loaded = dict(zip(names, values, strict=True))
            return values
        finally:
            fill = asyncio.create_task(self._fill_and_share(flights, loaded, lease))
            self._fills.add(fill)
            fill.add_done_callback(self._fills.discard)

    async def _fill_and_share(
        self, flights: dict[str, asyncio.Future[Found]], loaded: Found, lease: str
    ) -> None:
        """Store what was loaded, or give the lease back, and tell those who have joined."""
        for name, flight in flights.items():
            # From now on nobody may join: who comes while it is filled may come after a write.
            if self._flights.get(name) is flight:
                del self._flights[name]
        shared: Found = {}
        try:
            contents = [loaded.get(name) or b"" for name in flights]
            held = await self._fill(keys=[*flights], args=[lease, self._ttl_ms, *contents])
            shared = {n: loaded[n] for n, ok in zip(flights, held, strict=True) if ok and loaded}
        except RedisError as error:
            self._breaker.failed(error)
        finally:
            for flight in flights.values():
                flight.set_result(shared)

    async def _join(
        self, flights: Sequence[asyncio.Future[Found]], seen: dict[str, Any]
    ) -> Values | None:
        """Wait for this process's own loads; None unless the lease of each held to its end.

        It then held at a moment after those who wait had begun to read.
        """
        done, _ = await asyncio.wait(flights, timeout=LEASE_MS / 1000)
        shared: Found = {}
        for flight in done:
            shared |= flight.result()
        values = [shared.get(name, answer) for name, answer in seen.items()]
        return None if any(isinstance(value, int) for value in values) else values

    def writing(self, keys: Sequence[str]) -> AbstractAsyncContextManager[None]:
        return self._writers.writing(self._names(keys))

    async def aclose(self) -> None:
        await self._writers.aclose()
        await self._redis.aclose()

    def _names(self, keys: Sequence[str]) -> list[str]:
        return [f"{self._namespace}:{key}" for key in keys]
