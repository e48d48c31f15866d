"""An in-memory repository of sessions."""

from dataclasses import dataclass, fields
from datetime import datetime
from uuid import UUID

from src.domain.session import Session
from src.domain.user import User, UserProfile
from src.usecases.ports.sessions import SessionAccess, SessionRepository
from tests.fakes.database import InMemoryTransaction


@dataclass(frozen=True)
class InMemorySessionRepository(SessionRepository):
    """Sessions of one transaction."""

    transaction: InMemoryTransaction

    async def get_session_access(self, session_id: UUID, user_id: UUID) -> SessionAccess | None:
        session = self.transaction.database.get(Session, session_id)
        user = self.transaction.database.get(User, user_id)
        if session is None or user is None or session.user_id != user_id:
            return None
        columns = (field.name for field in fields(UserProfile))
        profile = UserProfile(**{column: getattr(user, column) for column in columns})
        return SessionAccess(
            user=profile,
            is_revoked=session.revoked_at is not None,
            absolute_expires_at=session.absolute_expires_at,
        )

    async def load_session_for_update(self, session_id: UUID) -> Session | None:
        session = await self.transaction.get_for_update(Session, session_id)
        user = session and self.transaction.get(User, session.user_id)
        return session if user and user.is_active else None

    async def create_session(self, session: Session) -> None:
        await self.update_session(session)

    async def update_session(self, session: Session) -> None:
        self.transaction.record_events(session)
        self.transaction.put(session.id, session)

    async def revoke_sessions(
        self, user_id: UUID, now: datetime, *, keep: UUID | None = None
    ) -> None:
        for found in self.transaction.all(Session):
            if found.user_id == user_id and found.id != keep:
                session = await self.transaction.get_for_update(Session, found.id)
                if session and session.revoked_at is None:
                    session.revoke(now)
                    self.transaction.put(session.id, session)
