"""Sessions in Postgres; what an access token needs of them is read through the cache."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, insert, select, update

from src.domain.session import Session
from src.repositories.db.cached import Fields, read_through, session_key, user_key
from src.repositories.db.changes import Changes
from src.repositories.db.engine import Database
from src.repositories.db.models import SessionRow, UserRow
from src.repositories.db.users import PROFILE, profile_from_cache
from src.usecases.ports.cache import ReadThroughCache
from src.usecases.ports.sessions import SessionAccess

SESSION = select(
    SessionRow.id,
    SessionRow.user_id,
    SessionRow.generation,
    SessionRow.rotated_at,
    SessionRow.idle_expires_at,
    SessionRow.absolute_expires_at,
    SessionRow.revoked_at,
)
SESSION_COLUMNS = SESSION.selected_columns.keys()
SESSION_FOR_UPDATE = SESSION.where(SessionRow.id == bindparam("id")).with_for_update()
ACCESS = (
    select(
        *PROFILE,
        SessionRow.revoked_at.is_not(None).label("revoked"),
        SessionRow.absolute_expires_at,
    )
    .join(SessionRow, SessionRow.user_id == UserRow.id)
    .where(SessionRow.id == bindparam("session_id"), UserRow.id == bindparam("user_id"))
)

INSERT = insert(SessionRow)
UPDATE = update(SessionRow).where(SessionRow.id == bindparam("key"))
REVOKE_OTHERS = (
    update(SessionRow)
    .where(
        SessionRow.user_id == bindparam("owner"),
        SessionRow.id != bindparam("keep"),
        SessionRow.revoked_at.is_(None),
    )
    .returning(SessionRow.id)
)


class DBSessionRepository:
    """The table `sessions`."""

    def __init__(self, database: Database, cache: ReadThroughCache, changes: Changes) -> None:
        self._database = database
        self._cache = cache
        self._changes = changes

    async def get_session_access(self, session_id: UUID, user_id: UUID) -> SessionAccess | None:
        """Return a session with its user: one look at the cache, else one query."""

        async def load() -> list[Fields | None]:
            parameters = {"session_id": session_id, "user_id": user_id}
            rows = await self._database.fetch(ACCESS, parameters)
            if not rows:
                return [None, None]
            user = dict(rows[0]._mapping)
            return [{name: user.pop(name) for name in ("revoked", "absolute_expires_at")}, user]

        keys = [session_key(session_id), user_key(user_id)]
        session, user = await read_through(self._cache, keys, load)
        if session is None or user is None:
            return None
        return SessionAccess(
            user=profile_from_cache(user),
            revoked=session["revoked"],
            absolute_expires_at=datetime.fromisoformat(session["absolute_expires_at"]),
        )

    async def load_session_for_update(self, session_id: UUID) -> Session | None:
        """Return a session, locked until the unit of work ends, or None."""
        result = await self._changes.transaction.execute(SESSION_FOR_UPDATE, {"id": session_id})
        row = result.one_or_none()
        return Session(**row._mapping) if row else None

    async def create_session(self, session: Session) -> None:
        """Add a session."""
        await self._changes.transaction.execute(INSERT, _columns(session))
        self._changes.aggregates.append(session)

    async def update_session(self, session: Session) -> None:
        """Store a session loaded for update."""
        await self._changes.transaction.execute(UPDATE, {"key": session.id, **_columns(session)})
        self._changes.aggregates.append(session)
        if session.revoked_at is not None:  # a mere rotation changes nothing that is cached
            self._changes.stale_keys.add(session_key(session.id))

    async def revoke_other_sessions(self, user_id: UUID, keep: UUID, now: datetime) -> None:
        """End every live session of the user but one."""
        ended = await self._changes.transaction.execute(
            REVOKE_OTHERS, {"owner": user_id, "keep": keep, "revoked_at": now}
        )
        self._changes.stale_keys |= {session_key(session_id) for session_id in ended.scalars()}


def _columns(session: Session) -> dict[str, Any]:
    return {column: getattr(session, column) for column in SESSION_COLUMNS}
