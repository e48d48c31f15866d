"""Wrong guesses of passwords, counted with `limits`."""

import hashlib
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from ipaddress import IPv6Address, ip_address
from typing import TypeVar
from uuid import UUID

import structlog
from limits import RateLimitItem, RateLimitItemPerDay, RateLimitItemPerSecond
from limits.aio.storage import MemoryStorage, Storage
from limits.aio.strategies import FixedWindowRateLimiter
from limits.errors import StorageError

from src.domain.errors import AuthenticationError
from src.usecases.ports.throttle import TooManyAttemptsError

log = structlog.get_logger()
T = TypeVar("T")

KNOWN = RateLimitItemPerDay(1, 30, namespace="known")
PAUSE_SECONDS = 1.0
MAX_COUNTERS = 100_000  # some 30 MB

Bucket = tuple[RateLimitItem, str, str]
"""A limit, what it limits, and whom."""


class MemoryCounters(MemoryStorage):
    """Counters in this process, which go when they are zero, and the oldest when there are many.

    The parent has no such end, and looks through all of them whenever it counts.
    """

    async def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        count = max(0, await self.get(key) + amount)
        if not count:
            await self.clear(key)
            return 0
        self.storage[key] = count
        self.expirations.setdefault(key, time.time() + expiry)
        if len(self.storage) > MAX_COUNTERS:
            await self.clear(next(iter(self.storage)))
        return count


class LimitsThrottle:
    """Counts in a storage, which processes may share. Its port is `Throttle`.

    While it does not answer, each process counts for itself.
    """

    def __init__(
        self,
        shared: Storage,
        *,
        window_seconds: int,
        per_address: int,
        per_account: int,
        per_account_and_address: int,
    ) -> None:
        self._shared = FixedWindowRateLimiter(shared)
        self._local = FixedWindowRateLimiter(MemoryCounters())
        self._retry_at = 0.0
        self._per_address = RateLimitItemPerSecond(per_address, window_seconds)
        self._per_account = RateLimitItemPerSecond(per_account, window_seconds)
        self._per_pair = RateLimitItemPerSecond(per_account_and_address, window_seconds)

    @asynccontextmanager
    async def login(self, email: str, address: str) -> AsyncIterator[None]:
        # Hashed, so that no key shows an email address or depends on what is in one.
        account, network = hashlib.sha256(email.encode()).hexdigest(), _network(address)
        pair = f"{account}@{network}"
        buckets = [(self._per_address, "address", network), (self._per_pair, "pair", pair)]
        if await self._ask(FixedWindowRateLimiter.test, KNOWN, pair):
            buckets.append((self._per_account, "account", account))
        async with self._guess(*buckets):
            yield
        # Thirty days from now, which a second hit alone would not make it.
        await self._ask(FixedWindowRateLimiter.clear, KNOWN, pair)
        await self._ask(FixedWindowRateLimiter.hit, KNOWN, pair)

    def password_change(self, session_id: UUID) -> AbstractAsyncContextManager[None]:
        return self._guess((self._per_pair, "session", str(session_id)))

    @asynccontextmanager
    async def _guess(self, *buckets: Bucket) -> AsyncIterator[None]:
        # Counted before it is known to be wrong: guesses made all at once count all the same. What
        # was right, or refused and so never made, is taken back.
        counted: list[Bucket] = []
        is_wrong = False
        try:
            for bucket in buckets:
                counted.append(bucket)
                if not await self._ask(FixedWindowRateLimiter.hit, *bucket):
                    log.warning("throttled", by=bucket[1])
                    raise TooManyAttemptsError(await self._seconds_left(bucket))
            yield
        except AuthenticationError:
            is_wrong = True
            raise
        finally:
            for bucket in () if is_wrong else counted:
                await self._ask(FixedWindowRateLimiter.hit, *bucket, cost=-1)

    async def _seconds_left(self, bucket: Bucket) -> int:
        stats = await self._ask(FixedWindowRateLimiter.get_window_stats, *bucket)
        return max(1, math.ceil(stats.reset_time - time.time()))

    async def _ask(
        self, question: Callable[..., Awaitable[T]], *bucket: object, **options: int
    ) -> T:
        if time.monotonic() >= self._retry_at:
            try:
                return await question(self._shared, *bucket, **options)
            except StorageError as error:
                log.warning("throttle_counts_alone", error=str(error.storage_error))
                self._retry_at = time.monotonic() + PAUSE_SECONDS
        return await question(self._local, *bucket, **options)


def _network(address: str) -> str:
    """Return what one client has: an IPv4 address, or a /64 of IPv6, within which it may choose."""
    try:
        ip = ip_address(address)
    except ValueError:  # a Unix socket, or what a proxy made up
        return address[:64]
    if not isinstance(ip, IPv6Address):
        return str(ip)
    return str(ip.ipv4_mapped or IPv6Address(int(ip) >> 64 << 64))
