"""Limits wrong passwords with fixed windows of the library `limits`."""

import hashlib
import math
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from ipaddress import IPv6Address, ip_address
from uuid import UUID

import structlog
from limits import RateLimitItemPerSecond
from limits.aio.storage import Storage

from src.usecases.ports.login_throttle import LoginThrottle, TooManyAttemptsError
from src.utils.security.guesses import Bucket, BucketFullError, GuessCounter

log = structlog.get_logger()

MAX_ADDRESS_CHARACTERS = 64


class LimitsLoginThrottle(LoginThrottle):
    """Limits guesses for each address, each account, and each account at one address."""

    def __init__(
        self,
        shared: Storage,
        *,
        window_seconds: int,
        per_address: int,
        per_account: int,
        per_account_and_address: int,
    ) -> None:
        self._counter = GuessCounter(shared)
        self._per_address = RateLimitItemPerSecond(per_address, window_seconds)
        self._per_account = RateLimitItemPerSecond(per_account, window_seconds)
        self._per_pair = RateLimitItemPerSecond(per_account_and_address, window_seconds)

    def login(self, email: str, address: str) -> AbstractAsyncContextManager[None]:
        # Hashed, so that no key contains an email address or depends on its characters.
        account = hashlib.sha256(email.encode()).hexdigest()
        network = _network(address)
        pair = f"{account}@{network}"
        return self._guess(
            Bucket(self._per_address, "address", network),
            Bucket(self._per_pair, "pair", pair),
            Bucket(self._per_account, "account", account, exempt=pair),
            learns=pair,
        )

    def password_change(self, session_id: UUID) -> AbstractAsyncContextManager[None]:
        return self._guess(Bucket(self._per_pair, "session", str(session_id)))

    @asynccontextmanager
    async def _guess(self, *buckets: Bucket, learns: str | None = None) -> AsyncIterator[None]:
        try:
            async with self._counter.guess(*buckets, learns=learns):
                yield
        except BucketFullError as error:
            log.warning("throttled", by=error.kind)
            seconds = math.ceil(error.reset_at - time.time())
            raise TooManyAttemptsError(max(1, seconds)) from None


def _network(address: str) -> str:
    """Return the addresses that one client can choose from: one of IPv4, a /64 of IPv6."""
    try:
        ip = ip_address(address)
    except ValueError:  # a Unix socket, or invalid text from a proxy
        return address[:MAX_ADDRESS_CHARACTERS]
    if not isinstance(ip, IPv6Address):
        return str(ip)
    return str(ip.ipv4_mapped or IPv6Address(int(ip) >> 64 << 64))
