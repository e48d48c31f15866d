"""Logging in."""

from dataclasses import dataclass

import structlog

from src.domain.errors import AuthenticationError
from src.domain.session import Session
from src.domain.user import User
from src.usecases.accounts.email_address import parse_address
from src.usecases.accounts.session_tokens import SessionTokens
from src.usecases.errors import NotFoundDatabaseError
from src.usecases.ports.login_throttle import LoginThrottle
from src.usecases.ports.password_hasher import PasswordHasher
from src.usecases.ports.token_service import TokenPair
from src.usecases.ports.unit_of_work import UnitOfWorkFactory

log = structlog.get_logger()


@dataclass(frozen=True)
class LogIn:
    """Start a session with the email address and password of an active account.

    An unknown address, a wrong password and a deactivated account give the same response in the
    same time. After too many failures, further logins are refused for a while.
    """

    unit_of_work: UnitOfWorkFactory
    password_hasher: PasswordHasher
    session_tokens: SessionTokens
    login_throttle: LoginThrottle

    async def execute(self, *, email: str, password: str, address: str) -> TokenPair:
        """Return the tokens of a new session. `address` is the client's network address.

        Raises `AuthenticationError`, `TooManyAttemptsError`, `EmailNotValidError` or
        `HashingBusyError`.
        """
        key = parse_address(email).key
        async with self.login_throttle.login(key, address):
            async with self.unit_of_work() as uow:
                user = await uow.users.load_user_by_email(key)
            try:
                tokens = await self._log_in(user, password)
            except (AuthenticationError, NotFoundDatabaseError) as error:
                log.warning("login_failed", user_id=user and user.id)
                raise AuthenticationError from error
        return tokens

    async def _log_in(self, seen: User | None, password: str) -> TokenPair:
        # Verified between two transactions, so that no connection waits for the hash.
        password_hash = seen.password_hash if seen else None
        is_right = await self.password_hasher.verify(password_hash, password)
        if seen is None or not is_right or not seen.is_active:
            raise AuthenticationError
        new_hash = await self.password_hasher.rehash(seen.password_hash, password)
        async with self.unit_of_work() as uow:
            user = await uow.users.load_user_for_update(seen.id)
            # A concurrent password change ends every session, and must prevent this one.
            if not user.is_active or user.version != seen.version:
                raise AuthenticationError
            if new_hash:
                user.rehash_password(new_hash)
                await uow.users.update_user_password(user)
            session = Session.start(user.id, self.session_tokens.lifetime, uow.now)
            await uow.sessions.create_session(session)
            await uow.commit()
        log.info("login_succeeded", user_id=user.id)
        return self.session_tokens.issue(session, uow.now)
