"""Counts guesses in a storage that processes share, or in memory while it is unavailable."""

import time
from collections import deque
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

import structlog
from limits import RateLimitItem, RateLimitItemPerDay
from limits.aio.storage import Storage
from limits.aio.strategies import FixedWindowRateLimiter
from limits.errors import StorageError

from src.domain.errors import AuthenticationError
from src.usecases.errors import REFUSED_SECONDS
from src.utils.security.counters import MemoryCounters

log = structlog.get_logger()

KNOWN_ADDRESS = RateLimitItemPerDay(1, 30, namespace="known")
"""Reached by one successful login: the account knows the address for 30 days."""
PAUSE_SECONDS = 1.0
MAX_OWED = 10_000
"""How many discounts the storage may be owed. The oldest one is forgotten first."""


class Bucket(NamedTuple):
    """A limit, the kind of subject that it applies to, and the subject itself.

    The limit does not apply while `exempt` is a known address of an account.
    """

    limit: RateLimitItem
    kind: str
    subject: str
    exempt: str | None = None

    @property
    def counter(self) -> tuple[RateLimitItem, str, str]:
        """The arguments that name the counter."""
        return self.limit, self.kind, self.subject


class BucketFullError(Exception):
    """A limit is reached, until `reset_at` in Unix time."""

    def __init__(self, bucket: Bucket, reset_at: float) -> None:
        super().__init__(bucket.kind)
        self.kind = bucket.kind
        self.reset_at = reset_at


class GuessCounter:
    """Counts and discounts each guess in one storage, chosen when the guess begins.

    Each failure of the shared storage is followed by a pause in which it is not tried. A discount
    that it missed is owed to it until it answers again.
    """

    def __init__(self, shared: Storage) -> None:
        self._shared = FixedWindowRateLimiter(shared)
        self._local = FixedWindowRateLimiter(MemoryCounters())
        self._retry_at = 0.0
        self._owed: deque[tuple[float, Bucket]] = deque(maxlen=MAX_OWED)

    @asynccontextmanager
    async def guess(self, *buckets: Bucket, learns: str | None = None) -> AsyncIterator[None]:
        """Count a guess in each bucket before it is made, and discount it unless it was wrong.

        So concurrent guesses cannot exceed a limit: `BucketFullError` refuses a guess, which is
        then discounted. After a correct guess, `learns` is a known address.
        """
        limiter = await self._choose()
        counted: list[Bucket] = []
        is_wrong = False
        try:
            try:
                await _count(limiter, buckets, counted)
            except StorageError as error:
                self._failed(error, owed=counted)
                limiter = self._local
                counted.clear()
                await _count(limiter, buckets, counted)
            yield
            if learns:
                await self._learn(limiter, learns)
        except AuthenticationError:
            is_wrong = True
            raise
        finally:
            if not is_wrong:
                await self._discount(limiter, counted)

    async def _choose(self) -> FixedWindowRateLimiter:
        """Return the limiter for one guess. The shared one first gets what it is owed."""
        now = time.monotonic()
        if now >= self._retry_at and self._owed:
            owed = [bucket for expires_at, bucket in self._owed if expires_at > now]
            self._owed.clear()
            await self._discount(self._shared, owed)
        return self._shared if now >= self._retry_at else self._local

    async def _learn(self, limiter: FixedWindowRateLimiter, address: str) -> None:
        try:
            # Cleared first, because a second hit would not prolong the thirty days.
            await limiter.clear(KNOWN_ADDRESS, address)
            await limiter.hit(KNOWN_ADDRESS, address)
        except StorageError as error:
            self._failed(error, owed=())

    async def _discount(self, limiter: FixedWindowRateLimiter, buckets: list[Bucket]) -> None:
        try:
            while buckets:
                await limiter.hit(*buckets[-1].counter, cost=-1)
                buckets.pop()
        except StorageError as error:
            self._failed(error, owed=buckets)

    def _failed(self, error: StorageError, *, owed: Iterable[Bucket]) -> None:
        now = time.monotonic()
        if getattr(error.storage_error, "state", None) == "refused":
            self._retry_at = now + REFUSED_SECONDS  # what to change is in the log already
        else:
            self._retry_at = now + PAUSE_SECONDS
            log.warning("throttle_storage_unavailable", error=str(error.storage_error))
        self._owed.extend((now + bucket.limit.get_expiry(), bucket) for bucket in owed)


async def _count(
    limiter: FixedWindowRateLimiter, buckets: Sequence[Bucket], counted: list[Bucket]
) -> None:
    """Count a guess in each bucket that applies, and append the bucket to `counted`."""
    for bucket in buckets:
        if bucket.exempt and not await limiter.test(KNOWN_ADDRESS, bucket.exempt):
            continue
        counted.append(bucket)  # before the hit, which may count although its answer is lost
        if not await limiter.hit(*bucket.counter):
            stats = await limiter.get_window_stats(*bucket.counter)
            raise BucketFullError(bucket, stats.reset_time)
