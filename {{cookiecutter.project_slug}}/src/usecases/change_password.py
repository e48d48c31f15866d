"""Choosing a new password."""

from dataclasses import dataclass
from uuid import UUID

from src.domain.errors import AuthenticationError
from src.usecases.ports.clock import Clock
from src.usecases.ports.passwords import PasswordHasher, PasswordPolicy
from src.usecases.ports.unit_of_work import UnitOfWorkFactory

WRONG_PASSWORD = "The current password is not right."  # noqa: S105


@dataclass(frozen=True, kw_only=True, slots=True)
class ChangePasswordCommand:
    """Whose password, from which session, and from what to what."""

    user_id: UUID
    session_id: UUID
    current_password: str
    new_password: str


class ChangePassword:
    """Replace the password of whoever knows the current one.

    Every other session of the user ends at once; the session that asked goes on.
    """

    def __init__(
        self,
        unit_of_work: UnitOfWorkFactory,
        policy: PasswordPolicy,
        hasher: PasswordHasher,
        clock: Clock,
    ) -> None:
        self._unit_of_work = unit_of_work
        self._policy = policy
        self._hasher = hasher
        self._clock = clock

    async def execute(self, command: ChangePasswordCommand) -> None:
        """Change it, or raise `AuthenticationError` or `WeakPasswordError`."""
        self._policy.check(command.new_password)
        async with self._unit_of_work() as uow:
            seen = await uow.users.load_user_for_update(command.user_id)
        # Hashed between two transactions, so that neither a connection nor a lock waits for it.
        if not await self._hasher.verify(seen.password_hash, command.current_password):
            raise AuthenticationError(WRONG_PASSWORD)
        password_hash = await self._hasher.hash(command.new_password)
        now = self._clock()
        async with self._unit_of_work() as uow:
            user = await uow.users.load_user_for_update(command.user_id)
            if user.version != seen.version:
                # Of two changes at once, the second finds its current password outdated.
                raise AuthenticationError(WRONG_PASSWORD)
            user.change_password(password_hash, now)
            await uow.users.update_user_password(user)
            await uow.sessions.revoke_other_sessions(user.id, command.session_id, now)
            await uow.commit()
