"""A login session: one row, whose refresh token moves on by one generation at a time."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from uuid import UUID, uuid4

from src.domain.aggregate import Aggregate
from src.domain.events import SessionReuseDetected

REFRESH_GRACE = timedelta(seconds=10)
"""How long the previous refresh token gets the same successor again, if an answer was lost."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SessionLifetime:
    """How long a session lives without a refresh, and at the most."""

    idle: timedelta
    absolute: timedelta


class Refresh(Enum):
    """What became of a refresh token that was presented."""

    ROTATED = "rotated"
    REPEATED = "repeated"
    REUSED = "reused"
    ENDED = "ended"


@dataclass(kw_only=True, eq=False)
class Session(Aggregate):
    """One login on one device."""

    user_id: UUID
    generation: int = 1
    rotated_at: datetime
    idle_expires_at: datetime
    absolute_expires_at: datetime
    revoked_at: datetime | None = None

    @classmethod
    def start(cls, user_id: UUID, lifetime: SessionLifetime, now: datetime) -> "Session":
        """Begin a session; its first refresh token is of generation 1."""
        return cls(
            id=uuid4(),
            user_id=user_id,
            rotated_at=now,
            idle_expires_at=now + min(lifetime.idle, lifetime.absolute),
            absolute_expires_at=now + lifetime.absolute,
        )

    def is_live(self, now: datetime) -> bool:
        """Tell whether tokens of this session are accepted."""
        return self.revoked_at is None and now < self.idle_expires_at

    def refresh(self, generation: int, lifetime: SessionLifetime, now: datetime) -> Refresh:
        """Answer a refresh token of the given generation.

        The current generation moves the session on. The one before it, within the grace, is a
        repeated request and changes nothing. Any other was used before or never given out: it
        revokes the session (RFC 9700, 4.14.2).
        """
        if not self.is_live(now):
            return Refresh.ENDED
        if generation == self.generation:
            self.generation += 1
            self.rotated_at = now
            self.idle_expires_at = min(now + lifetime.idle, self.absolute_expires_at)
            return Refresh.ROTATED
        if 0 < generation == self.generation - 1 and now - self.rotated_at <= REFRESH_GRACE:
            return Refresh.REPEATED
        self.revoke(now)
        self.record(SessionReuseDetected, self.generation, now, user_id=self.user_id)
        return Refresh.REUSED

    def revoke(self, now: datetime) -> None:
        """End the session. Ending it twice changes nothing."""
        self.revoked_at = self.revoked_at or now
