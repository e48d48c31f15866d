"""Logging in."""

from dataclasses import dataclass

import structlog

from src.domain.errors import AuthenticationError
from src.domain.session import Session
from src.domain.user import User, normalise_email
from src.usecases.ports.security import Passwords, TokenPair, Tokens
from src.usecases.ports.throttle import Throttle
from src.usecases.ports.unit_of_work import UnitOfWorkFactory
from src.usecases.ports.users import NotFoundDatabaseError

log = structlog.get_logger()


@dataclass(frozen=True)
class LogIn:
    """Start a session for whoever knows the password of an active account.

    An unknown address, a wrong password and a deactivated account are told apart neither by the
    answer nor by the time it takes. Whoever fails too often has to wait.
    """

    unit_of_work: UnitOfWorkFactory
    passwords: Passwords
    tokens: Tokens
    throttle: Throttle

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
            except (AuthenticationError, NotFoundDatabaseError) as error:
                log.warning("login_failed", user_id=user and user.id)
                raise AuthenticationError from error
        log.info("login_succeeded", user_id=user and user.id)
        return tokens

    async def _log_in(self, seen: User | None, password: str) -> TokenPair:
        # Verified between two transactions, so that no connection waits for the hash.
        is_right = await self.passwords.verify(seen.password_hash if seen else None, password)
        if seen is None or not is_right or not seen.is_active:
            raise AuthenticationError
        new_hash = await self.passwords.rehash(seen.password_hash, password)
        async with self.unit_of_work() as uow:
            user = await uow.users.load_user_for_update(seen.id)
            # A new password has just ended every session, and must end this one too.
            if not user.is_active or user.version != seen.version:
                raise AuthenticationError
            if new_hash:
                user.rehash_password(new_hash)
                await uow.users.update_user_password(user)
            session = Session.start(user.id, self.tokens.lifetime, uow.now)
            await uow.sessions.create_session(session)
            await uow.commit()
        return self.tokens.issue(session, uow.now)
