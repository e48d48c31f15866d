"""The base of every aggregate: an identity, a version, and the events of its changes."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from src.domain.event import Event


@dataclass(frozen=True, kw_only=True)
class RecordedEvent:
    """An event with its metadata. The outbox adds the time: the time of the unit of work.

    `aggregate_version` grows with the events of one aggregate, so a consumer can ignore an event
    that is older than the newest one it has handled.
    """

    id: UUID = field(default_factory=uuid4)
    aggregate_id: UUID
    aggregate_version: int
    event: Event


@dataclass(kw_only=True, eq=False)
class Aggregate(ABC):
    """Records events as it changes; its repository stores them together with the change."""

    id: UUID
    events: list[RecordedEvent] = field(default_factory=list, init=False, repr=False)

    @property
    @abstractmethod
    def version(self) -> int:
        """The number of the aggregate's current state. A field `version: int = 1` defines it."""

    def record(self, event: Event) -> None:
        """Record that something happened. Call it after the change, with the new version set."""
        self.events.append(
            RecordedEvent(aggregate_id=self.id, aggregate_version=self.version, event=event)
        )
