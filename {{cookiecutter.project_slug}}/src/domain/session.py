"""The session aggregate: a login whose refresh token advances one generation at a time."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from uuid import UUID, uuid4

from src.domain.aggregate import Aggregate
from src.domain.event import Event

REFRESH_GRACE = timedelta(seconds=10)
"""How long the previous refresh token still returns the current one, after a lost response."""


@dataclass(frozen=True, kw_only=True)
class SessionReuseDetected(Event, name="session.reuse_detected.v1"):
    """An outdated refresh token was presented, so one of its two holders is not the user."""

    user_id: UUID


@dataclass(frozen=True, kw_only=True, slots=True)
class SessionLifetime:
    """How long a session lives: without a refresh, and at most."""

    idle: timedelta
    absolute: timedelta


class Refresh(Enum):
    """The outcome of presenting a refresh token."""

    ROTATED = "rotated"
    REPEATED = "repeated"
    REUSED = "reused"
    ENDED = "ended"


@dataclass(kw_only=True, eq=False)
class Session(Aggregate):
    """One login of a user."""

    user_id: UUID
    generation: int = 1
    rotated_at: datetime
    idle_expires_at: datetime
    absolute_expires_at: datetime
    revoked_at: datetime | None = None

    @classmethod
    def start(cls, user_id: UUID, lifetime: SessionLifetime, now: datetime) -> "Session":
        """Begin a session. Its first refresh token has generation 1."""
        return cls(
            id=uuid4(),
            user_id=user_id,
            rotated_at=now,
            idle_expires_at=now + min(lifetime.idle, lifetime.absolute),
            absolute_expires_at=now + lifetime.absolute,
        )

    @property
    def version(self) -> int:
        """The generation: each rotation is a new version of the session."""
        return self.generation

    def is_live(self, now: datetime) -> bool:
        """Tell whether tokens of this session are accepted."""
        return self.revoked_at is None and now < self.idle_expires_at

    def refresh(self, generation: int, lifetime: SessionLifetime, now: datetime) -> Refresh:
        """Rotate the refresh token, or end the session if the token was replayed.

        The current generation rotates. The previous one, within the grace period, is a repeated
        request and changes nothing. A later one was issued before the database was restored from a
        backup: it is refused. An older one is a replay, which ends the session (RFC 9700, 4.14.2).
        """
        if generation > self.generation or not self.is_live(now):
            return Refresh.ENDED
        if generation == self.generation:
            self.generation += 1
            self.rotated_at = now
            self.idle_expires_at = min(now + lifetime.idle, self.absolute_expires_at)
            return Refresh.ROTATED
        if 0 < generation == self.generation - 1 and now - self.rotated_at <= REFRESH_GRACE:
            return Refresh.REPEATED
        self.revoke(now)
        self.record(SessionReuseDetected(user_id=self.user_id))
        return Refresh.REUSED

    def revoke(self, now: datetime) -> None:
        """End the session. Ending it twice changes nothing."""
        self.revoked_at = self.revoked_at or now
