"""Watching the delivery of events."""

from dataclasses import dataclass
from datetime import timedelta

import structlog

from src.usecases.ports.messaging import OutboxBacklog

log = structlog.get_logger()

MAX_WAIT = timedelta(minutes=1)


@dataclass(frozen=True)
class CheckBacklog:
    """Log a warning when an event has waited for longer than a minute."""

    backlog: OutboxBacklog

    async def execute(self) -> None:
        """Look at the oldest event that waits."""
        wait = await self.backlog.longest_wait()
        if wait is not None and wait > MAX_WAIT:
            log.warning("outbox_behind", oldest_seconds=int(wait.total_seconds()))
