"""Changing the password."""

from dataclasses import dataclass
from uuid import UUID

import structlog

from src.domain.errors import AuthenticationError
from src.usecases.ports.login_throttle import LoginThrottle
from src.usecases.ports.password_hasher import PasswordHasher
from src.usecases.ports.unit_of_work import UnitOfWorkFactory

log = structlog.get_logger()

WRONG_PASSWORD = "The current password is not right."  # noqa: S105


@dataclass(frozen=True)
class ChangePassword:
    """Replace the password of a user who knows the current one.

    Every other session of the user ends at once; the session of this request continues. After too
    many wrong passwords in one session, further attempts are refused for a while.
    """

    unit_of_work: UnitOfWorkFactory
    password_hasher: PasswordHasher
    login_throttle: LoginThrottle

    async def execute(
        self, *, user_id: UUID, session_id: UUID, current_password: str, new_password: str
    ) -> None:
        """Change the password.

        Raises `AuthenticationError`, `WeakPasswordError`, `TooManyAttemptsError` or
        `HashingBusyError`.
        """
        async with self.unit_of_work() as uow:
            seen = await uow.users.load_user_for_update(user_id)
        # Hashed between two transactions, so that no connection and no lock waits for the hash.
        async with self.login_throttle.password_change(session_id):
            if not await self.password_hasher.verify(seen.password_hash, current_password):
                log.warning("password_change_failed", user_id=user_id)
                raise AuthenticationError(WRONG_PASSWORD)
        password_hash = await self.password_hasher.hash(new_password, seen.email)
        async with self.unit_of_work() as uow:
            user = await uow.users.load_user_for_update(user_id)
            if user.version != seen.version:
                # Of two concurrent changes, the second finds that its current password is outdated.
                raise AuthenticationError(WRONG_PASSWORD)
            user.change_password(password_hash, uow.now)
            await uow.users.update_user_password(user)
            await uow.sessions.revoke_sessions(user.id, uow.now, keep=session_id)
            await uow.commit()
        log.info("password_changed", user_id=user_id)
