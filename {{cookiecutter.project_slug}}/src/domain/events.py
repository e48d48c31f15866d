"""Domain events: facts about one aggregate, immutable and named for the wire."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar
from uuid import UUID, uuid4


@dataclass(frozen=True, kw_only=True)
class Event:
    """A fact about one aggregate.

    `name` is what other services subscribe to: a change that would break them gets a new name
    (`….v2`) beside the old one. `aggregate_version` grows with the aggregate's events, so that a
    consumer can ignore what is older than it has seen.
    """

    name: ClassVar[str]

    aggregate_id: UUID
    aggregate_version: int
    occurred_at: datetime
    event_id: UUID = field(default_factory=uuid4)


@dataclass(frozen=True, kw_only=True)
class UserRegistered(Event):
    """Someone opened an account."""

    name: ClassVar[str] = "user.registered.v1"

    user_id: UUID
    email: str


@dataclass(frozen=True, kw_only=True)
class UserPasswordChanged(Event):
    """A user chose a new password; every other session of theirs has ended."""

    name: ClassVar[str] = "user.password_changed.v1"

    user_id: UUID


@dataclass(frozen=True, kw_only=True)
class SessionReuseDetected(Event):
    """An outdated refresh token was presented, so one of its two holders is not the user."""

    name: ClassVar[str] = "session.reuse_detected.v1"

    user_id: UUID


EVENTS = (UserRegistered, UserPasswordChanged, SessionReuseDetected)
