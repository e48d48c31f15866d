"""The tables of the database in memory. Whoever loads a row gets a copy of it."""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from src.domain.errors import EmailTakenError
from src.domain.notification import Notification
from src.domain.session import Session
from src.domain.user import User, UserProfile
from src.usecases.ports.sessions import SessionAccess
from src.usecases.ports.users import NotFoundDatabaseError
from tests.fakes.database import InMemoryTransaction


def profile_of(user: User) -> UserProfile:
    """Return the readable part of a user."""
    return UserProfile(
        id=user.id,
        email=user.email,
        is_active=user.is_active,
        created_at=user.created_at,
        updated_at=user.updated_at,
    )


@dataclass(frozen=True)
class InMemoryUserRepository:
    """Its port is `UserRepository`."""

    transaction: InMemoryTransaction

    async def get_user_by_id(self, user_id: UUID) -> UserProfile:
        user = self.transaction.committed.users.get(user_id)
        if user is None:
            raise NotFoundDatabaseError("There is no such user.")
        return profile_of(user)

    async def get_user_by_email(self, email: str) -> UserProfile:
        user = await self.load_user_by_email(email)
        if user is None:
            raise NotFoundDatabaseError("There is no such user.")
        return profile_of(user)

    async def load_user_by_email(self, email: str) -> User | None:
        users = self.transaction.committed.users.values()
        return next((replace(user) for user in users if user.email == email), None)

    async def load_user_for_update(self, user_id: UUID) -> User:
        if user_id in self.transaction.committed.users:
            await self.transaction.lock(user_id)
        user = (self.transaction.committed.users | self.transaction.written.users).get(user_id)
        if user is None:
            raise NotFoundDatabaseError("There is no such user.")
        return replace(user)

    async def create_user(self, user: User) -> None:
        await self.transaction.lock(user.email)
        if await self.load_user_by_email(user.email):
            raise EmailTakenError
        self.transaction.written.users[user.id] = replace(user)
        self.transaction.take_events(user)

    async def update_user_password(self, user: User) -> None:
        self.transaction.written.users[user.id] = replace(
            await self.load_user_for_update(user.id),
            password_hash=user.password_hash,
            updated_at=user.updated_at,
            version=user.version,
        )
        self.transaction.take_events(user)

    async def update_user_activity(self, user: User) -> None:
        self.transaction.written.users[user.id] = replace(
            await self.load_user_for_update(user.id),
            is_active=user.is_active,
            updated_at=user.updated_at,
            version=user.version,
        )
        self.transaction.take_events(user)


@dataclass(frozen=True)
class InMemorySessionRepository:
    """Its port is `SessionRepository`."""

    transaction: InMemoryTransaction

    async def get_session_access(self, session_id: UUID, user_id: UUID) -> SessionAccess | None:
        session = self.transaction.committed.sessions.get(session_id)
        if session is None or session.user_id != user_id:
            return None
        return SessionAccess(
            user=profile_of(self.transaction.committed.users[user_id]),
            is_revoked=session.revoked_at is not None,
            absolute_expires_at=session.absolute_expires_at,
        )

    async def load_session_for_update(self, session_id: UUID) -> Session | None:
        if session_id in self.transaction.committed.sessions:
            await self.transaction.lock(session_id)
        sessions = self.transaction.committed.sessions | self.transaction.written.sessions
        users = self.transaction.committed.users | self.transaction.written.users
        session = sessions.get(session_id)
        return replace(session) if session and users[session.user_id].is_active else None

    async def create_session(self, session: Session) -> None:
        await self.update_session(session)

    async def update_session(self, session: Session) -> None:
        self.transaction.written.sessions[session.id] = replace(session)
        self.transaction.take_events(session)

    async def revoke_sessions(
        self, user_id: UUID, now: datetime, *, keep: UUID | None = None
    ) -> None:
        for session_id, session in {
            **self.transaction.committed.sessions,
            **self.transaction.written.sessions,
        }.items():
            if session.user_id == user_id and session_id != keep:
                await self.transaction.lock(session_id)
                sessions = self.transaction.committed.sessions | self.transaction.written.sessions
                ended = replace(sessions[session_id])
                ended.revoke(now)
                self.transaction.written.sessions[session_id] = ended

    async def forget_expired_sessions(self, before: datetime) -> int:
        sessions = self.transaction.committed.sessions
        expired = [key for key, session in sessions.items() if session.idle_expires_at < before]
        self.transaction.forgotten_sessions |= {*expired}
        return len(expired)


@dataclass(frozen=True)
class InMemoryNotificationRepository:
    """Its port is `NotificationRepository`."""

    transaction: InMemoryTransaction

    async def create_notification(self, notification: Notification) -> None:
        self.transaction.written.notifications[notification.id] = notification


@dataclass(frozen=True)
class InMemoryInbox:
    """Its port is `Inbox`."""

    transaction: InMemoryTransaction

    async def claim(self, message_id: UUID) -> bool:
        await self.transaction.lock(message_id)
        committed, written = self.transaction.committed, self.transaction.written
        if message_id in committed.processed_messages | written.processed_messages:
            return False
        written.processed_messages.add(message_id)
        return True
