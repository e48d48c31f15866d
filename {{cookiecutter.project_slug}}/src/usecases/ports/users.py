"""Where users are kept."""

from typing import Protocol
from uuid import UUID

from src.domain.user import User, UserProfile


class NotFoundDatabaseError(Exception):
    """A row that was asked for by its key is not there."""


class UserRepository(Protocol):
    """Users of one unit of work. `get_…` reads through the cache, `load_…` reads Postgres."""

    async def get_user_by_id(self, user_id: UUID) -> UserProfile:
        """Return a user as last committed, or raise `NotFoundDatabaseError`."""

    async def get_user_by_email(self, email: str) -> UserProfile:
        """Return the user of a normalised address, or raise `NotFoundDatabaseError`."""

    async def load_user_by_email(self, email: str) -> User | None:
        """Return the user of a normalised address with their password hash, or None."""

    async def load_user_for_update(self, user_id: UUID) -> User:
        """Return a user, locked until the unit of work ends, or raise `NotFoundDatabaseError`."""

    async def create_user(self, user: User) -> None:
        """Add a user, or raise `EmailTakenError`."""

    async def update_user_password(self, user: User) -> None:
        """Store the hash of a user loaded for update."""

    async def update_user_activity(self, user: User) -> None:
        """Store whether a user loaded for update is active."""
