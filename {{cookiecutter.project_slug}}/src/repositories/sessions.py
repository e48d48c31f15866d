"""The table `sessions` and its repository."""

from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import ForeignKey, bindparam, delete, func, insert, select, update
from sqlalchemy.orm import Mapped, mapped_column

from src.domain.session import Session
from src.domain.user import UserProfile
from src.repositories.cache.rows import Fields, read_through, row_version
from src.repositories.outbox.writer import OutboxWriter
from src.repositories.postgres.base import Base
from src.repositories.postgres.engine import Database
from src.repositories.postgres.transaction import Transaction
from src.repositories.users import UserRow, user_key
from src.usecases.ports.cache import ReadThroughCache
from src.usecases.ports.purge import PurgeStep
from src.usecases.ports.sessions import SessionAccess, SessionRepository


class SessionRow(Base):
    """A login session."""

    __tablename__ = "sessions"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    generation: Mapped[int]
    rotated_at: Mapped[datetime]
    idle_expires_at: Mapped[datetime] = mapped_column(index=True)
    absolute_expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


SESSION = select(SessionRow.__table__)
COLUMNS = SESSION.selected_columns.keys()
SESSION_FOR_UPDATE = (
    SESSION.join(UserRow, UserRow.id == SessionRow.user_id)
    .where(SessionRow.id == bindparam("id"), UserRow.is_active)
    .with_for_update(of=SessionRow)
)
PROFILE = [field.name for field in fields(UserProfile)]
CACHED = ["user_id", "revoked_at", "absolute_expires_at"]
VERSION = row_version([*CACHED, *PROFILE])
ACCESS = (
    select(
        *(SessionRow.__table__.c[column] for column in CACHED),
        *(UserRow.__table__.c[column] for column in PROFILE),
    )
    .join(UserRow, UserRow.id == SessionRow.user_id)
    .where(SessionRow.id == bindparam("session"), UserRow.id == bindparam("user"))
)
INSERT = insert(SessionRow)
CHANGING = ("generation", "rotated_at", "idle_expires_at", "revoked_at")
UPDATE = update(SessionRow).where(SessionRow.id == bindparam("key"))
REVOKE = (
    update(SessionRow)
    .where(SessionRow.user_id == bindparam("owner"))
    .where(SessionRow.id.is_distinct_from(bindparam("keep")))
    .where(SessionRow.revoked_at.is_(None))
    .returning(SessionRow.id)
)
RETENTION = timedelta(days=7)
EXPIRED = (
    select(SessionRow.id)
    .where(SessionRow.idle_expires_at < func.now() - RETENTION)
    .limit(10_000)  # a backlog must not run into the statement timeout
    .with_for_update(skip_locked=True)
)
PURGE = delete(SessionRow).where(SessionRow.id.in_(EXPIRED)).returning(SessionRow.id)

to_profile = TypeAdapter(UserProfile).validate_python


def session_key(session_id: UUID) -> str:
    """Return the cache key of a session."""
    return f"session:{session_id}"


@dataclass(frozen=True, kw_only=True)
class DBSessionRepository(SessionRepository):
    """Sessions in Postgres. An access token's session and user are read through the cache."""

    database: Database
    cache: ReadThroughCache
    transaction: Transaction
    outbox: OutboxWriter

    async def get_session_access(self, session_id: UUID, user_id: UUID) -> SessionAccess | None:
        async def load() -> list[Fields] | None:
            rows = await self.database.fetch(ACCESS, {"session": session_id, "user": user_id})
            if not rows:
                return None
            user = dict(rows[0]._mapping)
            session = {column: user.pop(column) for column in CACHED}
            return [session, user]

        keys = [session_key(session_id), user_key(user_id)]
        found = await read_through(self.cache, keys, load, version=VERSION)
        if found is None:
            return None
        session, user = found
        if session["user_id"] != user["id"]:  # each key may come from a different request
            return None
        return SessionAccess(
            user=to_profile(user),
            is_revoked=session["revoked_at"] is not None,
            absolute_expires_at=datetime.fromisoformat(session["absolute_expires_at"]),
        )

    async def load_session_for_update(self, session_id: UUID) -> Session | None:
        row = await self.transaction.fetch_for_update(SESSION_FOR_UPDATE, {"id": session_id})
        return Session(**row) if row else None

    async def create_session(self, session: Session) -> None:
        values = {column: getattr(session, column) for column in COLUMNS}
        await self.outbox.save(INSERT, values, session)

    async def update_session(self, session: Session) -> None:
        values = {column: getattr(session, column) for column in CHANGING}
        await self.outbox.save(UPDATE, {"key": session.id, **values}, session)
        if session.revoked_at is not None:  # a rotation changes no cached column
            self.transaction.changed_keys.add(session_key(session.id))

    async def revoke_sessions(
        self, user_id: UUID, now: datetime, *, keep: UUID | None = None
    ) -> None:
        values = {"owner": user_id, "keep": keep, "revoked_at": now}
        ended = await self.transaction.execute_without_events(REVOKE, values)
        self.transaction.changed_keys |= {session_key(session_id) for session_id in ended.scalars()}


@dataclass(frozen=True, kw_only=True)
class PurgeSessions(PurgeStep):
    """Deletes sessions a week after their expiry. A revoked one is not refreshed, so it expires."""

    database: Database
    name: str = field(default="sessions", init=False)

    async def purge(self) -> int:
        return len(await self.database.fetch(PURGE))
