"""Logging in."""

from dataclasses import dataclass

import structlog

from src.domain.errors import AuthenticationError
from src.domain.user import User, normalise_email
from src.usecases.ports.security import Passwords, TokenPair
from src.usecases.ports.throttle import Throttle
from src.usecases.ports.unit_of_work import UnitOfWorkFactory
from src.usecases.start_session import StartSession

log = structlog.get_logger()


@dataclass(frozen=True)
class LogIn:
    """Start a session for whoever knows the password of an active account.

    An unknown address, a wrong password and a deactivated account are told apart neither by the
    answer nor by the time it takes. Whoever fails too often has to wait.
    """

    unit_of_work: UnitOfWorkFactory
    passwords: Passwords
    throttle: Throttle
    start_session: StartSession

    async def execute(self, *, email: str, password: str, address: str) -> TokenPair:
        """Return the tokens of a new session.

        Raises `AuthenticationError`, `TooManyAttemptsError` or `HashingBusyError`.
        """
        email = normalise_email(email)
        async with self.throttle.login(email, address):
            async with self.unit_of_work() as uow:
                user = await uow.users.load_user_by_email(email)
            try:
                tokens = await self._log_in(user, password)
            except AuthenticationError:
                log.warning("login_failed", user_id=user and user.id)
                raise
        log.info("login_succeeded", user_id=user and user.id)
        return tokens

    async def _log_in(self, user: User | None, password: str) -> TokenPair:
        # Verified between two transactions, so that no connection waits for the hash.
        is_right = await self.passwords.verify(user.password_hash if user else None, password)
        if user is None or not is_right or not user.is_active:
            raise AuthenticationError
        new_hash = await self.passwords.rehash(user.password_hash, password)
        return await self.start_session.execute(user, new_hash)
