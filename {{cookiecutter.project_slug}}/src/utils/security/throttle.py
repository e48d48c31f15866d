"""Limits wrong passwords with fixed windows of the library `limits`."""

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
from limits.aio.storage import Storage
from limits.aio.strategies import FixedWindowRateLimiter
from limits.errors import StorageError

from src.domain.errors import AuthenticationError
from src.usecases.ports.login_throttle import LoginThrottle, TooManyAttemptsError
from src.utils.security.counters import MemoryCounters

log = structlog.get_logger()
T = TypeVar("T")

KNOWN_ADDRESS = RateLimitItemPerDay(1, 30, namespace="known")
"""Reached by one successful login: the account knows the address for 30 days."""
PAUSE_SECONDS = 1.0
MAX_ADDRESS_CHARACTERS = 64

Bucket = tuple[RateLimitItem, str, str]
"""A limit, the kind of subject that it applies to, and the subject itself."""


class LimitsLoginThrottle(LoginThrottle):
    """Counts in a storage that processes may share.

    While the storage is unavailable, each process counts in its own memory. Each failure of the
    storage is followed by a pause in which it is not tried.
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
        # Hashed, so that no key contains an email address or depends on its characters.
        account = hashlib.sha256(email.encode()).hexdigest()
        network = _network(address)
        pair = f"{account}@{network}"
        buckets = [(self._per_address, "address", network), (self._per_pair, "pair", pair)]
        is_unknown = await self._call(FixedWindowRateLimiter.test, KNOWN_ADDRESS, pair)
        if is_unknown:
            buckets.append((self._per_account, "account", account))
        async with self._guess(*buckets):
            yield
        # Cleared first, because a second hit would not prolong the thirty days.
        await self._call(FixedWindowRateLimiter.clear, KNOWN_ADDRESS, pair)
        await self._call(FixedWindowRateLimiter.hit, KNOWN_ADDRESS, pair)

    def password_change(self, session_id: UUID) -> AbstractAsyncContextManager[None]:
        return self._guess((self._per_pair, "session", str(session_id)))

    @asynccontextmanager
    async def _guess(self, *buckets: Bucket) -> AsyncIterator[None]:
        """Count a guess in each bucket before it is made, and discount it unless it was wrong.

        So concurrent guesses cannot exceed a limit. A refused guess was not made: it is discounted.
        """
        counted: list[Bucket] = []
        is_wrong = False
        try:
            for bucket in buckets:
                counted.append(bucket)
                if not await self._call(FixedWindowRateLimiter.hit, *bucket):
                    log.warning("throttled", by=bucket[1])
                    raise TooManyAttemptsError(await self._seconds_left(bucket))
            yield
        except AuthenticationError:
            is_wrong = True
            raise
        finally:
            if not is_wrong:
                for bucket in counted:
                    await self._call(FixedWindowRateLimiter.hit, *bucket, cost=-1)

    async def _seconds_left(self, bucket: Bucket) -> int:
        stats = await self._call(FixedWindowRateLimiter.get_window_stats, *bucket)
        return max(1, math.ceil(stats.reset_time - time.time()))

    async def _call(
        self, method: Callable[..., Awaitable[T]], *bucket: object, **options: int
    ) -> T:
        """Call a method of the shared limiter, or of the local one if the storage fails."""
        if time.monotonic() >= self._retry_at:
            try:
                return await method(self._shared, *bucket, **options)
            except StorageError as error:
                log.warning("throttle_storage_unavailable", error=str(error.storage_error))
                self._retry_at = time.monotonic() + PAUSE_SECONDS
        return await method(self._local, *bucket, **options)


def _network(address: str) -> str:
    """Return the addresses that one client can choose from: one of IPv4, a /64 of IPv6."""
    try:
        ip = ip_address(address)
    except ValueError:  # a Unix socket, or invalid text from a proxy
        return address[:MAX_ADDRESS_CHARACTERS]
    if not isinstance(ip, IPv6Address):
        return str(ip)
    return str(ip.ipv4_mapped or IPv6Address(int(ip) >> 64 << 64))
