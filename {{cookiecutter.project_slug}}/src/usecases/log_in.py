"""Logging in."""

from dataclasses import dataclass

from src.domain.errors import AuthenticationError
from src.domain.user import normalise_email
from src.usecases.ports.clock import Clock
from src.usecases.ports.passwords import PasswordHasher
from src.usecases.ports.unit_of_work import UnitOfWorkFactory
from src.usecases.token_issuer import TokenIssuer, TokenPair


@dataclass(frozen=True, kw_only=True, slots=True)
class LogInCommand:
    """What proves who someone is."""

    email: str
    password: str


class LogIn:
    """Start a session for whoever knows the password of an active account.

    An unknown address, a wrong password and a deactivated account are told apart neither by the
    answer nor by the time it takes.
    """

    def __init__(
        self,
        unit_of_work: UnitOfWorkFactory,
        hasher: PasswordHasher,
        issuer: TokenIssuer,
        clock: Clock,
    ) -> None:
        self._unit_of_work = unit_of_work
        self._hasher = hasher
        self._issuer = issuer
        self._clock = clock

    async def execute(self, command: LogInCommand) -> TokenPair:
        """Return the tokens of a new session, or raise `AuthenticationError`."""
        async with self._unit_of_work() as uow:
            user = await uow.users.load_user_by_email(normalise_email(command.email))
        # Verified between two transactions, so that no connection waits for the hasher.
        is_right = await self._hasher.verify(user.password_hash if user else None, command.password)
        if user is None or not is_right or not user.is_active:
            raise AuthenticationError
        now = self._clock()
        session = self._issuer.start_session(user.id, now)
        async with self._unit_of_work() as uow:
            current = await uow.users.load_user_for_update(user.id)
            if current.version != user.version:
                # The password may have changed meanwhile, which ended every session but this one.
                raise AuthenticationError
            await uow.sessions.create_session(session)
            await uow.commit()
        return self._issuer.issue(session, now)
