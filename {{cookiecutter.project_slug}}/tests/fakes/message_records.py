"""What is remembered of messages, in memory."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass
class InMemoryMessageRecords:
    """Its port is `MessageRecords`."""

    processed_at: list[datetime] = field(default_factory=list)
    waiting_since: list[datetime] = field(default_factory=list)
    batch: int = 10_000

    async def forget_processed(self, before: datetime) -> int:
        forgotten = [moment for moment in self.processed_at if moment < before][: self.batch]
        for moment in forgotten:
            self.processed_at.remove(moment)
        return len(forgotten)

    async def oldest_waiting(self) -> datetime | None:
        return min(self.waiting_since, default=None)
