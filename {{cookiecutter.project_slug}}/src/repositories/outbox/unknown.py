"""Events of types that this version does not know. A newer version may: they wait for a day."""

import time
from dataclasses import dataclass

import structlog

from src.usecases.ports.messaging import UnknownEventError

log = structlog.get_logger()

MAX_WAIT_SECONDS = 24 * 60 * 60
REPORT_SECONDS = 60.0


@dataclass
class Report:
    """Logs one warning a minute about all waiting events of this process."""

    seen: int = 0
    logged: int = 0
    next_at: float = 0.0

    def add(self, error: UnknownEventError, delay: int) -> None:
        """Count an event, and log the count unless the last line is younger than a minute."""
        self.seen += 1
        now = time.monotonic()
        if now >= self.next_at:
            count = self.seen - self.logged
            log.warning("unknown_events", count=count, retry_in_seconds=delay, latest=str(error))
            self.logged = self.seen
            self.next_at = now + REPORT_SECONDS


report = Report()


def may_wait(error: UnknownEventError, waits: int, delay: int) -> bool:
    """Tell whether an event that waited this often, for `delay` seconds each, waits once more.

    The waits are counted, so a wrong clock ends none of them early.
    """
    if waits * delay >= MAX_WAIT_SECONDS:
        return False
    report.add(error, delay)
    return True
