"""Logging in."""

from dataclasses import dataclass

from src.domain.errors import AuthenticationError
from src.domain.session import Session
from src.domain.user import User, normalise_email
from src.usecases.ports.security import Clock, Passwords, TokenPair, Tokens
from src.usecases.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from src.usecases.ports.users import NotFoundDatabaseError


@dataclass(frozen=True)
class LogIn:
    """Start a session for whoever knows the password of an active account.

    An unknown address, a wrong password and a deactivated account are told apart neither by the
    answer nor by the time it takes.
    """

    unit_of_work: UnitOfWorkFactory
    passwords: Passwords
    tokens: Tokens
    clock: Clock

    async def execute(self, *, email: str, password: str) -> TokenPair:
        """Return the tokens of a new session, or raise `AuthenticationError`."""
        async with self.unit_of_work() as uow:
            user = await uow.users.load_user_by_email(normalise_email(email))
        # Verified between two transactions, so that no connection waits for the hash.
        is_right = await self.passwords.verify(user.password_hash if user else None, password)
        if user is None or not is_right or not user.is_active:
            raise AuthenticationError
        now = self.clock()
        session = Session.start(user.id, self.tokens.lifetime, now)
        async with self.unit_of_work() as uow:
            if not await self._is_unchanged(user, uow):
                raise AuthenticationError
            await uow.sessions.create_session(session)
            await uow.commit()
        return self.tokens.issue(session, now)

    async def _is_unchanged(self, user: User, uow: UnitOfWork) -> bool:
        """Lock the user. A new password has just ended every session, and must end this one too."""
        try:
            current = await uow.users.load_user_for_update(user.id)
        except NotFoundDatabaseError:
            return False
        return current.is_active and current.version == user.version
