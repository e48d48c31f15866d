"""Logs a refusal by a server once, and not for each request or attempt that meets it."""

import time

import structlog

log = structlog.get_logger()

ENDED_SECONDS = 600.0
"""A refusal that has not been met for so long has ended: the next one is logged again."""


class RefusalLog:
    """The refusals by one server. Each is one line at the level of errors."""

    def __init__(self, server: str) -> None:
        self._event = f"{server}_refused"
        self._met_at: dict[str, float] = {}

    def refused(self, text: str) -> None:
        """Log what to change, unless the same refusal lasts already."""
        now = time.monotonic()
        ended_at = self._met_at.get(text, -ENDED_SECONDS) + ENDED_SECONDS
        self._met_at[text] = now
        if now >= ended_at:
            log.error(self._event, error=text)
