"""Sessions and their tokens, as several use cases need them."""

from dataclasses import dataclass
from datetime import datetime

from src.domain.session import Session, SessionLifetime
from src.usecases.ports.token_service import TokenPair, TokenService


@dataclass(frozen=True)
class SessionTokens:
    """The lifetime of sessions, and the tokens of a session."""

    lifetime: SessionLifetime
    token_service: TokenService

    def issue(self, session: Session, now: datetime) -> TokenPair:
        """Return the tokens of the session's current generation."""
        return self.token_service.issue(
            user_id=session.user_id,
            session_id=session.id,
            generation=session.generation,
            now=now,
        )
