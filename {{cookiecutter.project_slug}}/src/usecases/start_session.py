"""Beginning a session."""

from dataclasses import dataclass

from src.domain.errors import AuthenticationError
from src.domain.session import Session
from src.domain.user import User
from src.usecases.ports.security import Clock, TokenPair, Tokens
from src.usecases.ports.unit_of_work import UnitOfWorkFactory
from src.usecases.ports.users import NotFoundDatabaseError


@dataclass(frozen=True)
class StartSession:
    """Begin a session for a user who has just proven who they are."""

    unit_of_work: UnitOfWorkFactory
    tokens: Tokens
    clock: Clock

    async def execute(self, seen: User, new_hash: str | None) -> TokenPair:
        """Return its tokens, or raise `AuthenticationError` if the user is not as seen any more.

        A new hash of the same password takes the place of the old one.
        """
        now = self.clock()
        session = Session.start(seen.id, self.tokens.lifetime, now)
        async with self.unit_of_work() as uow:
            try:
                user = await uow.users.load_user_for_update(seen.id)
            except NotFoundDatabaseError as error:
                raise AuthenticationError from error
            # A new password has just ended every session, and must end this one too.
            if not user.is_active or user.version != seen.version:
                raise AuthenticationError
            if new_hash:
                user.rehash_password(new_hash)
                await uow.users.update_user_password(user)
            await uow.sessions.create_session(session)
            await uow.commit()
        return self.tokens.issue(session, now)
