"""The table `users` and its repository."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from src.domain.user import EmailTakenError, User
from src.repositories.outbox.writer import OutboxWriter
from src.repositories.postgres.base import Base
from src.repositories.postgres.engine import Database
from src.repositories.postgres.transaction import Transaction
from src.usecases.errors import NotFoundDatabaseError
from src.usecases.ports.users import UserRepository

UNIQUE_EMAIL = "uq_users_email_key"


class UserRow(Base):
    """A user with the password hash."""

    __tablename__ = "users"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    email: Mapped[str]
    email_key: Mapped[str] = mapped_column(unique=True)
    password_hash: Mapped[str]
    is_active: Mapped[bool]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    version: Mapped[int]


USER = select(UserRow.__table__)
COLUMNS = USER.selected_columns.keys()
USER_BY_EMAIL = USER.where(UserRow.email_key == bindparam("email_key"))
USER_FOR_UPDATE = USER.where(UserRow.id == bindparam("id")).with_for_update()
INSERT = insert(UserRow)
UPDATE = update(UserRow).where(UserRow.id == bindparam("key"))


def user_key(user_id: UUID) -> str:
    """Return the cache key of a user's profile."""
    return f"user:{user_id}"


@dataclass(frozen=True, kw_only=True)
class DBUserRepository(UserRepository):
    """Users in Postgres. The profile is cached together with the session: see `sessions.py`."""

    database: Database
    transaction: Transaction
    outbox: OutboxWriter

    async def load_user_by_email(self, email_key: str) -> User | None:
        rows = await self.database.fetch(USER_BY_EMAIL, {"email_key": email_key})
        return User(**rows[0]._mapping) if rows else None

    async def load_user_for_update(self, user_id: UUID) -> User:
        row = await self.transaction.fetch_for_update(USER_FOR_UPDATE, {"id": user_id})
        if row is None:
            raise NotFoundDatabaseError("There is no such user.")
        return User(**row)

    async def create_user(self, user: User) -> None:
        values = {column: getattr(user, column) for column in COLUMNS}
        try:
            await self.outbox.save(INSERT, values, user)
        except IntegrityError as error:
            # The constraint decides: a check beforehand would miss a concurrent registration.
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
        """Name the cache key that the commit invalidates."""
        self.transaction.changed_keys.add(user_key(user.id))
