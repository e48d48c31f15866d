"""Users in Postgres, read through the cache."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Executable, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from src.domain.errors import EmailTakenError
from src.domain.user import User, UserProfile
from src.repositories.db.cached import Fields, email_key, read_through, user_key
from src.repositories.db.changes import Changes
from src.repositories.db.engine import Database
from src.repositories.db.models import UNIQUE_EMAIL, UserRow
from src.usecases.ports.cache import ReadThroughCache
from src.usecases.ports.users import NotFoundDatabaseError

PROFILE = (
    UserRow.id,
    UserRow.email,
    UserRow.is_active,
    UserRow.created_at,
    UserRow.updated_at,
)
PROFILE_BY_ID = select(*PROFILE).where(UserRow.id == bindparam("id"))
PROFILE_BY_EMAIL = select(*PROFILE).where(UserRow.email == bindparam("email"))

USER = select(*PROFILE, UserRow.password_hash, UserRow.version)
USER_COLUMNS = USER.selected_columns.keys()
USER_BY_EMAIL = USER.where(UserRow.email == bindparam("email"))
USER_FOR_UPDATE = USER.where(UserRow.id == bindparam("id")).with_for_update()

NO_SUCH_USER = "There is no such user."

INSERT = insert(UserRow)
UPDATE = update(UserRow).where(UserRow.id == bindparam("key"))


def profile_from_cache(fields: Fields) -> UserProfile:
    """Return the profile whose fields were cached."""
    return UserProfile(
        id=UUID(fields["id"]),
        email=fields["email"],
        is_active=fields["is_active"],
        created_at=datetime.fromisoformat(fields["created_at"]),
        updated_at=datetime.fromisoformat(fields["updated_at"]),
    )


class DBUserRepository:
    """The table `users`."""

    def __init__(self, database: Database, cache: ReadThroughCache, changes: Changes) -> None:
        self._database = database
        self._cache = cache
        self._changes = changes

    async def get_user_by_id(self, user_id: UUID) -> UserProfile:
        """Return a user as last committed, or raise `NotFoundDatabaseError`."""
        return await self._read(user_key(user_id), PROFILE_BY_ID, {"id": user_id})

    async def get_user_by_email(self, email: str) -> UserProfile:
        """Return the user of a normalised address, or raise `NotFoundDatabaseError`."""
        return await self._read(email_key(email), PROFILE_BY_EMAIL, {"email": email})

    async def load_user_by_email(self, email: str) -> User | None:
        """Return the user of a normalised address with their password hash, or None."""
        rows = await self._database.fetch(USER_BY_EMAIL, {"email": email})
        return User(**rows[0]._mapping) if rows else None

    async def load_user_for_update(self, user_id: UUID) -> User:
        """Return a user, locked until the unit of work ends, or raise `NotFoundDatabaseError`."""
        result = await self._changes.transaction.execute(USER_FOR_UPDATE, {"id": user_id})
        row = result.one_or_none()
        if row is None:
            raise NotFoundDatabaseError(NO_SUCH_USER)
        return User(**row._mapping)

    async def create_user(self, user: User) -> None:
        """Add a user, or raise `EmailTakenError`: the constraint decides, so no race can win."""
        values = {column: getattr(user, column) for column in USER_COLUMNS}
        try:
            await self._changes.transaction.execute(INSERT, values)
        except IntegrityError as error:
            if UNIQUE_EMAIL in str(error.orig):
                raise EmailTakenError from error
            raise
        self._changes.aggregates.append(user)
        self._invalidate_user_cache(user)

    async def update_user_password(self, user: User) -> None:
        """Store the hash of a user loaded for update."""
        await self._changes.transaction.execute(
            UPDATE,
            {
                "key": user.id,
                "password_hash": user.password_hash,
                "updated_at": user.updated_at,
                "version": user.version,
            },
        )
        self._changes.aggregates.append(user)
        self._invalidate_user_cache(user)

    def _invalidate_user_cache(self, user: User) -> None:
        """Name what the cache must not show once this is committed."""
        self._changes.stale_keys |= {user_key(user.id), email_key(user.email)}

    async def _read(self, key: str, query: Executable, parameters: dict[str, Any]) -> UserProfile:
        async def load() -> list[Fields | None]:
            rows = await self._database.fetch(query, parameters)
            return [dict(rows[0]._mapping) if rows else None]

        [fields] = await read_through(self._cache, [key], load)
        if fields is None:
            raise NotFoundDatabaseError(NO_SUCH_USER)
        return profile_from_cache(fields)
