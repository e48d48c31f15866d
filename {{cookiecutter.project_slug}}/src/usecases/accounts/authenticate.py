"""Authenticating a request."""

from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from src.domain.errors import AuthenticationError
from src.domain.user import UserProfile
from src.usecases.ports.token_service import TokenService
from src.usecases.ports.unit_of_work import UnitOfWorkFactory


class Principal(NamedTuple):
    """The authenticated user, and the session of the request."""

    user: UserProfile
    session_id: UUID


@dataclass(frozen=True)
class Authenticate:
    """Accept an access token only while its session is live and its user is active.

    Every request is checked, so the end of a session holds from the next request on.
    """

    unit_of_work: UnitOfWorkFactory
    token_service: TokenService

    async def execute(self, access_token: str | None) -> Principal:
        """Return the principal of the token, or raise `AuthenticationError`."""
        claims = self.token_service.read_access_token(access_token or "")
        async with self.unit_of_work() as uow:
            access = await uow.sessions.get_session_access(claims.session_id, claims.user_id)
        if access is None or not access.is_live(uow.now):
            raise AuthenticationError
        return Principal(access.user, claims.session_id)
