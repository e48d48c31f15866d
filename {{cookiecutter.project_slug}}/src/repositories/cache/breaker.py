"""A circuit breaker: a Redis that does not answer is left alone for a moment.

After Nygard, "Release It!" (2007), "Circuit Breaker".
"""

import time

import structlog

log = structlog.get_logger()

PAUSE_SECONDS = 1.0


class Breaker:
    """Opens on a failure; after a pause lets one request through to see whether all is well."""

    def __init__(self) -> None:
        self._retry_at = 0.0

    def is_open(self) -> bool:
        """Tell whether to do without Redis. Each pause, one caller is told to try."""
        if not self._retry_at:
            return False
        now = time.monotonic()
        if now < self._retry_at:
            return True
        self._retry_at = now + PAUSE_SECONDS
        return False

    def failed(self, error: Exception) -> None:
        """Open."""
        if not self._retry_at:
            log.warning("cache_unavailable", error=f"{type(error).__name__}: {error}")
        self._retry_at = time.monotonic() + PAUSE_SECONDS

    def succeeded(self) -> None:
        """Close."""
        if self._retry_at:
            self._retry_at = 0.0
            log.info("cache_available")
