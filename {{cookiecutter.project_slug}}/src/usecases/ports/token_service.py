"""Access tokens and refresh tokens."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol
from uuid import UUID


class AccessClaims(NamedTuple):
    """The user and the session of an access token."""

    user_id: UUID
    session_id: UUID


class RefreshClaims(NamedTuple):
    """The session of a refresh token, and the generation that the token belongs to."""

    session_id: UUID
    generation: int


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenPair:
    """An access token with its life in seconds, and the refresh token for the next pair."""

    access_token: str
    refresh_token: str
    expires_in: int


class TokenService(Protocol):
    """Issues and reads both kinds of token. A token of one kind is never accepted as the other."""

    def issue(
        self, *, user_id: UUID, session_id: UUID, generation: int, now: datetime
    ) -> TokenPair:
        """Return tokens of a session. The same generation gives the same refresh token again."""

    def read_access_token(self, token: str) -> AccessClaims:
        """Return the claims of a valid access token, or raise `AuthenticationError`."""

    def read_refresh_token(self, token: str) -> RefreshClaims:
        """Return the claims of a genuine refresh token, or raise `AuthenticationError`."""
