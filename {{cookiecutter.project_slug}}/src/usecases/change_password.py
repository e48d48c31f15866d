"""Choosing a new password."""

from dataclasses import dataclass
from uuid import UUID

import structlog

from src.domain.errors import AuthenticationError
from src.usecases.ports.security import Passwords
from src.usecases.ports.throttle import Throttle
from src.usecases.ports.unit_of_work import UnitOfWorkFactory

log = structlog.get_logger()

WRONG_PASSWORD = "The current password is not right."  # noqa: S105


@dataclass(frozen=True)
class ChangePassword:
    """Replace the password of whoever knows the current one.

    Every other session of the user ends at once; the session that asked goes on. Whoever guesses
    wrong too often has to wait.
    """

    unit_of_work: UnitOfWorkFactory
    passwords: Passwords
    throttle: Throttle

    async def execute(
        self, *, user_id: UUID, session_id: UUID, current_password: str, new_password: str
    ) -> None:
        """Change it.

        Raises `AuthenticationError`, `WeakPasswordError`, `TooManyAttemptsError` or
        `HashingBusyError`.
        """
        async with self.unit_of_work() as uow:
            seen = await uow.users.load_user_for_update(user_id)
        # Hashed between two transactions, so that neither a connection nor a lock waits for it.
        async with self.throttle.password_change(session_id):
            if not await self.passwords.verify(seen.password_hash, current_password):
                log.warning("password_change_failed", user_id=user_id)
                raise AuthenticationError(WRONG_PASSWORD)
        password_hash = await self.passwords.hash(new_password, seen.email)
        async with self.unit_of_work() as uow:
            user = await uow.users.load_user_for_update(user_id)
            if user.version != seen.version:
                # Of two changes at once, the second finds its current password outdated.
                raise AuthenticationError(WRONG_PASSWORD)
            user.change_password(password_hash, uow.now)
            await uow.users.update_user_password(user)
            await uow.sessions.revoke_sessions(user.id, uow.now, keep=session_id)
            await uow.commit()
        log.info("password_changed", user_id=user_id)
