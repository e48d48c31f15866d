"""Recognising who makes a request."""

from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from src.domain.errors import AuthenticationError
from src.domain.user import UserProfile
from src.usecases.ports.security import Tokens
from src.usecases.ports.unit_of_work import UnitOfWorkFactory


class Principal(NamedTuple):
    """Who makes a request, and in which session."""

    user: UserProfile
    session_id: UUID


@dataclass(frozen=True)
class Authenticate:
    """Accept an access token only while its session lives and its user is active.

    Checked on every request, so that the end of a session holds from the next request on.
    """

    unit_of_work: UnitOfWorkFactory
    tokens: Tokens

    async def execute(self, access_token: str | None) -> Principal:
        """Return who the token speaks for, or raise `AuthenticationError`."""
        claims = self.tokens.read_access_token(access_token or "")
        async with self.unit_of_work() as uow:
            access = await uow.sessions.get_session_access(claims.session_id, claims.user_id)
        if access is None or not access.is_live(uow.now):
            raise AuthenticationError
        return Principal(access.user, claims.session_id)
