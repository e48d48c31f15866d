"""Attempts at servers: what is logged when one fails, and the pause before the next one."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import structlog

from src.usecases.errors import REFUSED_SECONDS, UnavailableError

log = structlog.get_logger()

ENDED_SECONDS = 600.0
"""A refusal that has not been met for so long has ended: the next one is logged again."""


class RefusalLog:
    """Logs a refusal by a server once, and not for each request or attempt that meets it."""

    def __init__(self, server: str) -> None:
        self._event = f"{server}_refused"
        self._met_at: dict[str, float] = {}
        self._is_silenced = False

    @contextmanager
    def silenced(self) -> Iterator[None]:
        """Log nothing in a `with` block, whose caller reports the refusal."""
        self._is_silenced = True
        try:
            yield
        finally:
            self._is_silenced = False

    def refused(self, text: str) -> None:
        """Log what to change, unless the same refusal lasts already.

        The server's own words follow in brackets. They may differ, with a request for example.
        """
        if self._is_silenced:
            return
        change = text.partition(" (")[0]
        now = time.monotonic()
        ended_at = self._met_at.get(change, -ENDED_SECONDS) + ENDED_SECONDS
        self._met_at[change] = now
        if now >= ended_at:
            log.error(self._event, error=text)


def retry_seconds(error: UnavailableError, event: str, usual: float) -> float:
    """Log that a server is unavailable, and return the pause before the next attempt.

    A refusal is in the log already. It lasts, so the pause is longer.
    """
    if error.state == "refused":
        return REFUSED_SECONDS
    log.warning(event, error=str(error))
    return usual


async def pause(stop: asyncio.Event, seconds: float) -> None:
    """Wait for `seconds`, or until `stop` is set."""
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
