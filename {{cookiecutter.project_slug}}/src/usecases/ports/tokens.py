"""The two kinds of token. Neither can stand in for the other."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True, kw_only=True, slots=True)
class AccessClaims:
    """Whom an access token speaks for."""

    user_id: UUID
    session_id: UUID


@dataclass(frozen=True, kw_only=True, slots=True)
class RefreshClaims:
    """Which session a refresh token moves on, and from which generation."""

    session_id: UUID
    generation: int


class AccessTokens(Protocol):
    """Short-lived bearer tokens."""

    ttl_seconds: int

    def issue(self, claims: AccessClaims, now: datetime) -> str:
        """Return a signed token that expires `ttl_seconds` after `now`."""
        ...

    def read(self, token: str) -> AccessClaims:
        """Return what a valid token says, or raise `AuthenticationError`."""
        ...


class RefreshTokens(Protocol):
    """Tokens derived from a session's generation: none is stored, and each can be made again."""

    def issue(self, claims: RefreshClaims) -> str:
        """Return the one token of this session and generation."""
        ...

    def read(self, token: str) -> RefreshClaims:
        """Return what a genuine token says, or raise `AuthenticationError`."""
        ...
