"""The user aggregate, and the part of it that may be read and cached."""

import unicodedata
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID, uuid4

from src.domain.aggregate import Aggregate
from src.domain.events import UserPasswordChanged, UserRegistered


@dataclass(frozen=True, kw_only=True, slots=True)
class UserProfile:
    """What a user is to readers. Holds no password hash, so it may leave Postgres for the cache."""

    id: UUID
    email: str
    is_active: bool
    created_at: datetime
    updated_at: datetime


@dataclass(kw_only=True, eq=False)
class User(Aggregate):
    """Someone with an account. Changes only through the methods below."""

    email: str
    password_hash: str = field(repr=False)
    is_active: bool = True
    created_at: datetime
    updated_at: datetime
    version: int = 1

    @classmethod
    def register(cls, email: str, password_hash: str, now: datetime) -> "User":
        """Open an account."""
        user = cls(
            id=uuid4(), email=email, password_hash=password_hash, created_at=now, updated_at=now
        )
        user.record(UserRegistered, user.version, now, user_id=user.id, email=email)
        return user

    def change_password(self, password_hash: str, now: datetime) -> None:
        """Replace the password hash."""
        self.password_hash = password_hash
        self.updated_at = now
        self.version += 1
        self.record(UserPasswordChanged, self.version, now, user_id=self.id)

    def rehash_password(self, password_hash: str) -> None:
        """Keep the same password under a hash of today's parameters. Nobody notices."""
        self.password_hash = password_hash

    def deactivate(self, now: datetime) -> None:
        """Close the account. Closing it twice changes nothing."""
        if self.is_active:
            self.is_active = False
            self.updated_at = now
            self.version += 1


def normalise_email(email: str) -> str:
    """Fold an address to the one spelling under which an account is kept.

    The local part may be case-sensitive in theory (RFC 5321, 2.4); no provider of note treats it
    so, and two accounts that differ in case or Unicode form alone are an impersonation waiting to
    happen.
    """
    folded = unicodedata.normalize("NFKC", email.strip()).casefold()
    return unicodedata.normalize("NFKC", folded)
