"""Passwords and tokens."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol
from uuid import UUID

from src.domain.session import Session, SessionLifetime


class HashingBusyError(Exception):
    """So many passwords wait to be hashed that another would wait for too long."""


class Passwords(Protocol):
    """Hashes slowly, and never on the event loop. Each method may raise `HashingBusyError`."""

    async def hash(self, password: str, email: str = "") -> str:
        """Return the salted hash of a new password, or raise `WeakPasswordError`.

        One that is made of the account's address, or of the service's name, is weak.
        """

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Tell whether the password made the hash.

        None stands for an account that does not exist: it takes as long and is never right, so
        that an answer's time tells nobody who has an account.
        """

    async def rehash(self, password_hash: str, password: str) -> str | None:
        """Return a new hash of a right password whose hash has outdated parameters, else None."""


class AccessClaims(NamedTuple):
    """Whom an access token speaks for."""

    user_id: UUID
    session_id: UUID


class RefreshClaims(NamedTuple):
    """Which session a refresh token moves on, and from which generation."""

    session_id: UUID
    generation: int


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenPair:
    """An access token with its life in seconds, and the refresh token that follows it."""

    access_token: str
    refresh_token: str
    expires_in: int


class Tokens(Protocol):
    """Makes and reads the two kinds of token. Neither is ever taken for the other."""

    @property
    def lifetime(self) -> SessionLifetime:
        """How long sessions live."""

    def issue(self, session: Session, now: datetime) -> TokenPair:
        """Return the tokens of the session as it stands: the same refresh token each time."""

    def read_access_token(self, token: str) -> AccessClaims:
        """Return what a valid access token says, or raise `AuthenticationError`."""

    def read_refresh_token(self, token: str) -> RefreshClaims:
        """Return what a genuine refresh token says, or raise `AuthenticationError`."""
