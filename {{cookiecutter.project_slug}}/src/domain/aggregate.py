"""What every aggregate has: an identity, and the events of its changes."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from src.domain.events import Event


@dataclass(kw_only=True, eq=False)
class Aggregate:
    """Records events as it changes; its repository stores them together with the change."""

    id: UUID
    events: list[Event] = field(default_factory=list, init=False, repr=False)

    def record(self, event: type[Event], version: int, now: datetime, **facts: Any) -> None:
        """Note that something happened, which made this the given version of the aggregate."""
        self.events.append(
            event(aggregate_id=self.id, aggregate_version=version, occurred_at=now, **facts)
        )
