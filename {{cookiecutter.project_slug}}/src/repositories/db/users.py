"""Users in Postgres, read through the cache."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import Executable, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from src.domain.errors import EmailTakenError
from src.domain.user import User, UserProfile
from src.repositories.db.cached import Fields, read_through
from src.repositories.db.engine import Database, Transaction
from src.repositories.db.events import OutboxWriter
from src.repositories.db.models import UNIQUE_EMAIL, UserRow
from src.usecases.ports.cache import ReadThroughCache
from src.usecases.ports.users import NotFoundDatabaseError

PROFILE = (UserRow.id, UserRow.email, UserRow.is_active, UserRow.created_at, UserRow.updated_at)
PROFILE_BY_ID = select(*PROFILE).where(UserRow.id == bindparam("id"))
PROFILE_BY_EMAIL = select(*PROFILE).where(UserRow.email == bindparam("email"))
USER = select(*PROFILE, UserRow.password_hash, UserRow.version)
USER_COLUMNS = USER.selected_columns.keys()
USER_BY_EMAIL = USER.where(UserRow.email == bindparam("email"))
USER_FOR_UPDATE = USER.where(UserRow.id == bindparam("id")).with_for_update()
INSERT = insert(UserRow)
UPDATE = update(UserRow).where(UserRow.id == bindparam("key"))

to_profile = TypeAdapter(UserProfile).validate_python
"""Returns the profile whose columns were cached."""


def user_key(user_id: UUID | str) -> str:
    """Return the cache key of a user's profile."""
    return f"user:{user_id}"


def email_key(email: str) -> str:
    """Return the cache key of the profile of the user with this address."""
    return f"user-email:{email}"


@dataclass(frozen=True)
class DBUserRepository:
    """The table `users`. Its port is `UserRepository`."""

    database: Database
    cache: ReadThroughCache
    transaction: Transaction
    outbox: OutboxWriter

    async def get_user_by_id(self, user_id: UUID) -> UserProfile:
        return await self._read(user_key(user_id), PROFILE_BY_ID, {"id": user_id})

    async def get_user_by_email(self, email: str) -> UserProfile:
        return await self._read(email_key(email), PROFILE_BY_EMAIL, {"email": email})

    async def load_user_by_email(self, email: str) -> User | None:
        rows = await self.database.fetch(USER_BY_EMAIL, {"email": email})
        return User(**rows[0]._mapping) if rows else None

    async def load_user_for_update(self, user_id: UUID) -> User:
        row = (await self.transaction.execute(USER_FOR_UPDATE, {"id": user_id})).one_or_none()
        if row is None:
            raise NotFoundDatabaseError("There is no such user.")
        return User(**row._mapping)

    async def create_user(self, user: User) -> None:
        # No key is stale: no read that begins after the commit is told that there is no such user.
        values = {column: getattr(user, column) for column in USER_COLUMNS}
        try:
            await self.outbox.save(INSERT, values, user)
        except IntegrityError as error:
            # The constraint decides, not a look beforehand: between the two, another may register.
            if UNIQUE_EMAIL in str(error.orig):
                raise EmailTakenError from error
            raise

    async def update_user_password(self, user: User) -> None:
        await self._update(user, "password_hash", "updated_at", "version")

    async def update_user_activity(self, user: User) -> None:
        await self._update(user, "is_active", "updated_at", "version")

    async def _update(self, user: User, *columns: str) -> None:
        values = {column: getattr(user, column) for column in columns}
        await self.outbox.save(UPDATE, {"key": user.id, **values}, user)
        self._invalidate_user_cache(user)

    def _invalidate_user_cache(self, user: User) -> None:
        """Name what the cache must not show once this is committed."""
        self.transaction.stale_keys |= {user_key(user.id), email_key(user.email)}

    async def _read(self, key: str, query: Executable, parameters: dict[str, Any]) -> UserProfile:
        async def load() -> list[Fields | None]:
            rows = await self.database.fetch(query, parameters)
            return [dict(rows[0]._mapping) if rows else None]

        [fields] = await read_through(self.cache, [key], load)
        if fields is None:
            raise NotFoundDatabaseError("There is no such user.")
        return to_profile(fields)
