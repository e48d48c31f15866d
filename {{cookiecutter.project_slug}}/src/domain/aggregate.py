"""What every aggregate has: an identity, and the events of its changes."""

from dataclasses import dataclass, field
from uuid import UUID

from src.domain.events import Event


@dataclass(kw_only=True, eq=False)
class Aggregate:
    """Records events as it changes; the unit of work stores them in the same transaction."""

    id: UUID
    _events: list[Event] = field(default_factory=list, init=False, repr=False)

    def pull_events(self) -> list[Event]:
        """Hand over the events recorded since the last call, oldest first."""
        events, self._events = self._events, []
        return events
