"""Watching the delivery of events."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

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
        oldest = await self.backlog.oldest_waiting()
        if oldest is None:
            return
        waiting = datetime.now(UTC) - oldest
        if waiting > MAX_WAIT:
            log.warning("outbox_behind", oldest_seconds=int(waiting.total_seconds()))
