"""Refreshing a session."""

from dataclasses import dataclass

import structlog

from src.domain.errors import AuthenticationError
from src.domain.session import Refresh
from src.usecases.accounts.session_tokens import SessionTokens
from src.usecases.ports.token_service import TokenPair
from src.usecases.ports.unit_of_work import UnitOfWorkFactory

log = structlog.get_logger()


@dataclass(frozen=True)
class RefreshSession:
    """Exchange a refresh token for the next pair of tokens. Each token is valid for one exchange.

    A request repeated within ten seconds returns the same refresh token again. An older token ends
    the session at once, because a replay means that the token was probably stolen.
    """

    unit_of_work: UnitOfWorkFactory
    session_tokens: SessionTokens

    async def execute(self, *, refresh_token: str) -> TokenPair:
        """Return the session's next tokens, or raise `AuthenticationError`."""
        claims = self.session_tokens.token_service.read_refresh_token(refresh_token)
        async with self.unit_of_work() as uow:
            session = await uow.sessions.load_session_for_update(claims.session_id)
            if session is None:
                raise AuthenticationError
            outcome = session.refresh(claims.generation, self.session_tokens.lifetime, uow.now)
            if outcome in {Refresh.ROTATED, Refresh.REUSED}:
                await uow.sessions.update_session(session)
                await uow.commit()
        if outcome is Refresh.REUSED:
            log.warning("refresh_token_reused", user_id=session.user_id, session_id=session.id)
        if outcome in {Refresh.REUSED, Refresh.ENDED}:
            raise AuthenticationError
        return self.session_tokens.issue(session, uow.now)
