"""Choosing a new password."""

from dataclasses import dataclass
from uuid import UUID

from src.domain.errors import AuthenticationError
from src.usecases.ports.security import Clock, Passwords
from src.usecases.ports.unit_of_work import UnitOfWorkFactory

WRONG_PASSWORD = "The current password is not right."  # noqa: S105


@dataclass(frozen=True)
class ChangePassword:
    """Replace the password of whoever knows the current one.

    Every other session of the user ends at once; the session that asked goes on.
    """

    unit_of_work: UnitOfWorkFactory
    passwords: Passwords
    clock: Clock

    async def execute(
        self, *, user_id: UUID, session_id: UUID, current_password: str, new_password: str
    ) -> None:
        """Change it, or raise `AuthenticationError` or `WeakPasswordError`."""
        async with self.unit_of_work() as uow:
            seen = await uow.users.load_user_for_update(user_id)
        # Hashed between two transactions, so that neither a connection nor a lock waits for it.
        if not await self.passwords.verify(seen.password_hash, current_password):
            raise AuthenticationError(WRONG_PASSWORD)
        password_hash = await self.passwords.hash(new_password)
        now = self.clock()
        async with self.unit_of_work() as uow:
            user = await uow.users.load_user_for_update(user_id)
            if user.version != seen.version:
                # Of two changes at once, the second finds its current password outdated.
                raise AuthenticationError(WRONG_PASSWORD)
            user.change_password(password_hash, now)
            await uow.users.update_user_password(user)
            await uow.sessions.revoke_other_sessions(user.id, session_id, now)
            await uow.commit()
