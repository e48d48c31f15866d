"""What is remembered of messages, in memory."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass
class InMemoryMessageRecords:
    """Its port is `MessageRecords`."""

    processed_at: list[datetime] = field(default_factory=list)
    waiting_since: list[datetime] = field(default_factory=list)

    async def forget_processed(self, before: datetime) -> int:
        kept = [moment for moment in self.processed_at if moment >= before]
        forgotten = len(self.processed_at) - len(kept)
        self.processed_at = kept
        return forgotten

    async def oldest_waiting(self) -> datetime | None:
        return min(self.waiting_since, default=None)
