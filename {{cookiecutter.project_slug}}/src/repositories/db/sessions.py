"""Sessions in Postgres; what an access token needs of them is read through the cache."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import bindparam, delete, insert, select, update

from src.domain.session import Session
from src.repositories.db.cached import Fields, read_through
from src.repositories.db.engine import Database, Transaction
from src.repositories.db.events import OutboxWriter
from src.repositories.db.models import SessionRow, UserRow
from src.repositories.db.users import PROFILE, to_profile, user_key
from src.usecases.ports.cache import ReadThroughCache
from src.usecases.ports.sessions import SessionAccess

SESSION = select(SessionRow.__table__)
SESSION_COLUMNS = SESSION.selected_columns.keys()
SESSION_FOR_UPDATE = (
    SESSION.join(UserRow, UserRow.id == SessionRow.user_id)
    .where(SessionRow.id == bindparam("id"), UserRow.is_active)
    .with_for_update(of=SessionRow)
)
CACHED = ("user_id", "revoked_at", "absolute_expires_at")
ACCESS = (
    select(SessionRow.user_id, SessionRow.revoked_at, SessionRow.absolute_expires_at, *PROFILE)
    .join(UserRow, UserRow.id == SessionRow.user_id)
    .where(SessionRow.id == bindparam("session"), UserRow.id == bindparam("user"))
)
INSERT = insert(SessionRow)
UPDATE = update(SessionRow).where(SessionRow.id == bindparam("key"))
REVOKE = (
    update(SessionRow)
    .where(SessionRow.user_id == bindparam("owner"))
    .where(SessionRow.id.is_distinct_from(bindparam("keep")))
    .where(SessionRow.revoked_at.is_(None))
    .returning(SessionRow.id)
)
EXPIRED = (
    select(SessionRow.id)
    .where(SessionRow.idle_expires_at < bindparam("before"))
    .limit(10_000)  # at once, for a backlog must not run into the statement timeout
    .with_for_update(skip_locked=True)
)
FORGET = delete(SessionRow).where(SessionRow.id.in_(EXPIRED)).returning(SessionRow.id)


def session_key(session_id: UUID) -> str:
    """Return the cache key of a session."""
    return f"session:{session_id}"


@dataclass(frozen=True)
class DBSessionRepository:
    """The table `sessions`. Its port is `SessionRepository`."""

    database: Database
    cache: ReadThroughCache
    transaction: Transaction
    outbox: OutboxWriter

    async def get_session_access(self, session_id: UUID, user_id: UUID) -> SessionAccess | None:
        async def load() -> list[Fields | None]:
            rows = await self.database.fetch(ACCESS, {"session": session_id, "user": user_id})
            if not rows:
                return [None, None]
            user = dict(rows[0]._mapping)
            return [{name: user.pop(name) for name in CACHED}, user]

        keys = [session_key(session_id), user_key(user_id)]
        session, user = await read_through(self.cache, keys, load)
        if session is None or user is None or session["user_id"] != user["id"]:
            return None
        return SessionAccess(
            user=to_profile(user),
            is_revoked=session["revoked_at"] is not None,
            absolute_expires_at=datetime.fromisoformat(session["absolute_expires_at"]),
        )

    async def load_session_for_update(self, session_id: UUID) -> Session | None:
        row = (await self.transaction.execute(SESSION_FOR_UPDATE, {"id": session_id})).one_or_none()
        return Session(**row._mapping) if row else None

    async def create_session(self, session: Session) -> None:
        values = {column: getattr(session, column) for column in SESSION_COLUMNS}
        await self.outbox.save(INSERT, values, session)

    async def update_session(self, session: Session) -> None:
        values = {column: getattr(session, column) for column in SESSION_COLUMNS}
        await self.outbox.save(UPDATE, {"key": session.id, **values}, session)
        if session.revoked_at is not None:  # a mere rotation changes nothing that is cached
            self.transaction.stale_keys.add(session_key(session.id))

    async def revoke_sessions(
        self, user_id: UUID, now: datetime, *, keep: UUID | None = None
    ) -> None:
        values = {"owner": user_id, "keep": keep, "revoked_at": now}
        ended = await self.transaction.execute(REVOKE, values)
        self.transaction.stale_keys |= {session_key(session_id) for session_id in ended.scalars()}

    async def forget_expired_sessions(self, before: datetime) -> int:
        return len((await self.transaction.execute(FORGET, {"before": before})).all())
