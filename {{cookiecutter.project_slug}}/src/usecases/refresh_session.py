"""Moving a session on."""

from dataclasses import dataclass

from src.domain.errors import AuthenticationError
from src.domain.session import Refresh
from src.usecases.ports.clock import Clock
from src.usecases.ports.unit_of_work import UnitOfWorkFactory
from src.usecases.token_issuer import TokenIssuer, TokenPair

REJECTED = "The refresh token is not valid."


@dataclass(frozen=True, kw_only=True, slots=True)
class RefreshSessionCommand:
    """The refresh token of a session."""

    refresh_token: str


class RefreshSession:
    """Exchange a refresh token for the next pair of tokens; each is good for one exchange.

    A request repeated within ten seconds gets the same answer again. An older token ends the
    session at once, for its user as well as for whoever stole it.
    """

    def __init__(self, unit_of_work: UnitOfWorkFactory, issuer: TokenIssuer, clock: Clock) -> None:
        self._unit_of_work = unit_of_work
        self._issuer = issuer
        self._clock = clock

    async def execute(self, command: RefreshSessionCommand) -> TokenPair:
        """Return the session's next tokens, or raise `AuthenticationError`."""
        claims = self._issuer.read_refresh_token(command.refresh_token)
        now = self._clock()
        async with self._unit_of_work() as uow:
            session = await uow.sessions.load_session_for_update(claims.session_id)
            if session is None:
                raise AuthenticationError(REJECTED)
            outcome = session.refresh(claims.generation, self._issuer.lifetime, now)
            if outcome in (Refresh.ROTATED, Refresh.REUSED):
                await uow.sessions.update_session(session)
                await uow.commit()
        if outcome in (Refresh.REUSED, Refresh.ENDED):
            raise AuthenticationError(REJECTED)
        return self._issuer.issue(session, now)
