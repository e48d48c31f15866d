"""The repository of sessions."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from src.domain.session import Session
from src.domain.user import UserProfile


@dataclass(frozen=True, kw_only=True, slots=True)
class SessionAccess:
    """The facts that decide whether an access token is accepted. No secret, so it may be cached."""

    user: UserProfile
    is_revoked: bool
    absolute_expires_at: datetime

    def is_live(self, now: datetime) -> bool:
        """Tell whether the user may act. Only a refresh checks the idle expiry."""
        return self.user.is_active and not self.is_revoked and now < self.absolute_expires_at


class SessionRepository(Protocol):
    """Sessions of one unit of work."""

    async def get_session_access(self, session_id: UUID, user_id: UUID) -> SessionAccess | None:
        """Return a committed session with its user, through the cache, or None."""

    async def load_session_for_update(self, session_id: UUID) -> Session | None:
        """Return an active user's session, locked until the unit of work ends, or None."""

    async def create_session(self, session: Session) -> None:
        """Add a session."""

    async def update_session(self, session: Session) -> None:
        """Store a session loaded for update."""

    async def revoke_sessions(
        self, user_id: UUID, now: datetime, *, keep: UUID | None = None
    ) -> None:
        """End every live session of the user, except `keep`."""
