"""Domain events: facts about one aggregate, immutable and named for the wire."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar
from uuid import UUID, uuid4


@dataclass(frozen=True, kw_only=True)
class Event(ABC):
    """A fact about one aggregate.

    `name` is what other services subscribe to. A change that would break them gets a new name
    (`….v2`) beside the old one.
    """

    name: ClassVar[str]

    aggregate_version: int
    """Grows with the aggregate's changes: a consumer ignores what is older than it has seen."""
    occurred_at: datetime
    event_id: UUID = field(default_factory=uuid4)

    @property
    @abstractmethod
    def aggregate_id(self) -> UUID:
        """What the fact is about."""


@dataclass(frozen=True, kw_only=True)
class UserRegistered(Event):
    """Someone opened an account."""

    name: ClassVar[str] = "user.registered.v1"

    user_id: UUID
    email: str

    @property
    def aggregate_id(self) -> UUID:
        """The user."""
        return self.user_id


@dataclass(frozen=True, kw_only=True)
class UserPasswordChanged(Event):
    """A user chose a new password; every other session of theirs has ended."""

    name: ClassVar[str] = "user.password_changed.v1"

    user_id: UUID

    @property
    def aggregate_id(self) -> UUID:
        """The user."""
        return self.user_id


@dataclass(frozen=True, kw_only=True)
class SessionReuseDetected(Event):
    """An outdated refresh token was presented, so one of its two holders is not the user."""

    name: ClassVar[str] = "session.reuse_detected.v1"

    session_id: UUID
    user_id: UUID

    @property
    def aggregate_id(self) -> UUID:
        """The session."""
        return self.session_id


PUBLISHED_EVENTS: tuple[type[Event], ...] = (
    UserRegistered,
    UserPasswordChanged,
    SessionReuseDetected,
)
