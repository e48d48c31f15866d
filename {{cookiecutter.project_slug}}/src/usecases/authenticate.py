"""Recognising who makes a request."""

from dataclasses import dataclass
from uuid import UUID

from src.domain.errors import AuthenticationError
from src.domain.user import UserProfile
from src.usecases.ports.clock import Clock
from src.usecases.ports.tokens import AccessTokens
from src.usecases.ports.unit_of_work import UnitOfWorkFactory

REJECTED = "The access token is missing, expired or not valid."


@dataclass(frozen=True, kw_only=True, slots=True)
class Principal:
    """Who makes a request, and in which session."""

    user: UserProfile
    session_id: UUID


class Authenticate:
    """Accept an access token only while its session lives and its user is active.

    Checked on every request, so that the end of a session holds from the next request on.
    """

    def __init__(
        self, unit_of_work: UnitOfWorkFactory, access_tokens: AccessTokens, clock: Clock
    ) -> None:
        self._unit_of_work = unit_of_work
        self._access_tokens = access_tokens
        self._clock = clock

    async def execute(self, access_token: str | None) -> Principal:
        """Return who the token speaks for, or raise `AuthenticationError`."""
        if access_token is None:
            raise AuthenticationError(REJECTED)
        claims = self._access_tokens.read(access_token)
        async with self._unit_of_work() as uow:
            access = await uow.sessions.get_session_access(claims.session_id, claims.user_id)
        if access is None or not access.is_live(self._clock()):
            raise AuthenticationError(REJECTED)
        return Principal(user=access.user, session_id=claims.session_id)
