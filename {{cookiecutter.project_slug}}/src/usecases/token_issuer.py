"""The pair of tokens that a login and a refresh answer with."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from src.domain.session import Session, SessionLifetime
from src.usecases.ports.tokens import AccessClaims, AccessTokens, RefreshClaims, RefreshTokens


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenPair:
    """An access token with its life in seconds, and the refresh token that follows it."""

    access_token: str
    refresh_token: str
    expires_in: int


class TokenIssuer:
    """Starts sessions and makes the tokens of their current generation."""

    def __init__(
        self, access_tokens: AccessTokens, refresh_tokens: RefreshTokens, lifetime: SessionLifetime
    ) -> None:
        self._access_tokens = access_tokens
        self._refresh_tokens = refresh_tokens
        self.lifetime = lifetime

    def start_session(self, user_id: UUID, now: datetime) -> Session:
        """Return a new session of the configured lifetime, not yet saved."""
        return Session.start(user_id=user_id, lifetime=self.lifetime, now=now)

    def read_refresh_token(self, token: str) -> RefreshClaims:
        """Return what a genuine refresh token says, or raise `AuthenticationError`."""
        return self._refresh_tokens.read(token)

    def issue(self, session: Session, now: datetime) -> TokenPair:
        """Return the tokens of the session as it stands."""
        return TokenPair(
            access_token=self._access_tokens.issue(
                AccessClaims(user_id=session.user_id, session_id=session.id), now
            ),
            refresh_token=self._refresh_tokens.issue(
                RefreshClaims(session_id=session.id, generation=session.generation)
            ),
            expires_in=self._access_tokens.ttl_seconds,
        )
