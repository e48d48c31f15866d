"""The repository of users."""

from typing import Protocol
from uuid import UUID

from src.domain.user import User


class UserRepository(Protocol):
    """Users of one unit of work."""

    async def load_user_by_email(self, email_key: str) -> User | None:
        """Return the committed user with this key of an address, or None. Takes no lock."""

    async def load_user_for_update(self, user_id: UUID) -> User:
        """Return a user, locked until the unit of work ends, or raise `NotFoundDatabaseError`."""

    async def create_user(self, user: User) -> None:
        """Add a user, or raise `EmailTakenError`."""

    async def update_user_password(self, user: User) -> None:
        """Store the password hash of a user loaded for update."""

    async def update_user_activity(self, user: User) -> None:
        """Store whether a user loaded for update is active."""
