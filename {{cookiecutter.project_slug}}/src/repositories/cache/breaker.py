"""A circuit breaker: a Redis that does not answer is left alone for a moment.

After Nygard, "Release It!" (2007), "Circuit Breaker".
"""

import time
from collections.abc import Awaitable
from typing import Any

import structlog
from redis.exceptions import RedisError

log = structlog.get_logger()

PAUSE_SECONDS = 1.0


class Breaker:
    """Opens on a failure; after a pause lets one caller through to see whether all is well."""

    def __init__(self) -> None:
        self._retry_at = 0.0
        self._is_trying = False

    def admits(self) -> bool:
        """Tell a caller whether to ask Redis. Each pause, one is told to try."""
        if not self._retry_at:
            return True
        now = time.monotonic()
        if now < self._retry_at:
            return False
        self._retry_at = now + PAUSE_SECONDS
        self._is_trying = True
        return True

    def is_open(self) -> bool:
        """Tell whether those who were admitted before the failure are to do without Redis."""
        return bool(self._retry_at) and not self._is_trying

    async def tried(self, step: Awaitable[Any]) -> Any:
        """Return Redis's answer to a step, or None if there is none, which opens."""
        try:
            return await step
        except RedisError as error:
            self.failed(error)
            return None

    def failed(self, error: Exception) -> None:
        """Open."""
        if not self._retry_at:
            log.warning("cache_unavailable", error=f"{type(error).__name__}: {error}")
        self._retry_at = time.monotonic() + PAUSE_SECONDS
        self._is_trying = False

    def succeeded(self) -> None:
        """Close."""
        if self._retry_at:
            self._retry_at = 0.0
            self._is_trying = False
            log.info("cache_available")
