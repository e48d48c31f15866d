"""A circuit breaker: after a failure, Redis is not asked for a moment.

After Nygard, "Release It!" (2007), "Circuit Breaker".
"""

import time
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from redis.exceptions import RedisError

from src.repositories.cache.redis.errors import RedisRefusedError
from src.usecases.errors import REFUSED_SECONDS
from src.utils.attempts import RefusalLog

log = structlog.get_logger()

PAUSE_SECONDS = 1.0


class CircuitBreaker:
    """Opens on a failure. After each pause it lets one caller try Redis again."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._retry_at = 0.0
        self._is_trying = False
        self._refusals = RefusalLog("redis")
        self._pause_seconds = PAUSE_SECONDS

    def admits(self) -> bool:
        """Tell a caller whether to ask Redis. Once in each pause, one caller may try."""
        if not self._retry_at:
            return True
        now = self._clock()
        if now < self._retry_at:
            return False
        self._retry_at = now + self._pause_seconds
        self._is_trying = True
        return True

    def remaining_seconds(self) -> float:
        """Return how long no reader will be admitted."""
        return max(self._retry_at - self._clock(), 0.0)

    def is_open(self) -> bool:
        """Tell whether callers admitted before the failure must do without Redis."""
        return bool(self._retry_at) and not self._is_trying

    async def call(self, step: Awaitable[Any]) -> Any:
        """Return Redis's answer to a step. A failure opens the breaker and returns None."""
        try:
            return await step
        except RedisError as error:
            self.record_failure(error)
            return None

    def record_failure(self, error: Exception) -> None:
        """Open."""
        is_refusal = isinstance(error, RedisRefusedError)
        self._pause_seconds = REFUSED_SECONDS if is_refusal else PAUSE_SECONDS
        if is_refusal:
            self._refusals.refused(str(error))
        elif not self._retry_at:
            log.warning("cache_unavailable", error=f"{type(error).__name__}: {error}")
        self._retry_at = self._clock() + self._pause_seconds
        self._is_trying = False

    def record_success(self) -> None:
        """Close."""
        if self._retry_at:
            self._retry_at = 0.0
            self._is_trying = False
            log.info("cache_available")
