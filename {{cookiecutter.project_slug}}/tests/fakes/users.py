"""An in-memory repository of users."""

from dataclasses import dataclass, replace
from uuid import UUID

from src.domain.user import EmailTakenError, User
from src.usecases.errors import NotFoundDatabaseError
from src.usecases.ports.users import UserRepository
from tests.fakes.database import InMemoryTransaction


@dataclass(frozen=True)
class InMemoryUserRepository(UserRepository):
    """Users of one transaction."""

    transaction: InMemoryTransaction

    async def load_user_by_email(self, email_key: str) -> User | None:
        users = self.transaction.database.all(User)
        return next((user for user in users if user.email_key == email_key), None)

    async def load_user_for_update(self, user_id: UUID) -> User:
        user = await self.transaction.get_for_update(User, user_id)
        if user is None:
            raise NotFoundDatabaseError("There is no such user.")
        return user

    async def create_user(self, user: User) -> None:
        # As with a unique constraint, the second of two transactions waits for the first.
        await self.transaction.lock((User, user.email_key))
        if any(other.email_key == user.email_key for other in self.transaction.all(User)):
            raise EmailTakenError
        self.transaction.record_events(user)
        self.transaction.put(user.id, user)

    async def update_user_password(self, user: User) -> None:
        stored = await self.load_user_for_update(user.id)
        self._update(user, replace(stored, password_hash=user.password_hash))

    async def update_user_activity(self, user: User) -> None:
        stored = await self.load_user_for_update(user.id)
        self._update(user, replace(stored, is_active=user.is_active))

    def _update(self, user: User, changed: User) -> None:
        self.transaction.record_events(user)
        changed = replace(changed, updated_at=user.updated_at, version=user.version)
        self.transaction.put(user.id, changed)
