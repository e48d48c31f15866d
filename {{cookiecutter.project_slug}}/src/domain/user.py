"""The user aggregate with its events, and the profile that may be cached."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID, uuid4

from src.domain.aggregate import Aggregate
from src.domain.errors import ConflictError
from src.domain.event import Event


@dataclass(frozen=True, kw_only=True)
class UserRegistered(Event, name="user.registered.v1"):
    """Someone opened an account."""

    user_id: UUID
    email: str


@dataclass(frozen=True, kw_only=True)
class UserPasswordChanged(Event, name="user.password_changed.v1"):
    """A user chose a new password; every other session of theirs has ended."""

    user_id: UUID


class EmailTakenError(ConflictError):
    """Another account already has this email address."""

    def __init__(self) -> None:
        super().__init__("An account with this email address already exists.")


@dataclass(frozen=True, kw_only=True, slots=True)
class UserProfile:
    """What readers see of a user. It holds no password hash, so the cache may store it."""

    id: UUID
    email: str
    is_active: bool
    created_at: datetime
    updated_at: datetime


@dataclass(kw_only=True, eq=False)
class User(Aggregate):
    """A person with an account. Its state changes only through the methods below.

    `email` is the address as typed; `email_key` is the form in which addresses are compared.
    """

    email: str
    email_key: str
    password_hash: str = field(repr=False)
    is_active: bool = True
    created_at: datetime
    updated_at: datetime
    version: int = 1

    @classmethod
    def register(cls, *, email: str, email_key: str, password_hash: str, now: datetime) -> "User":
        """Open an account."""
        user = cls(
            id=uuid4(),
            email=email,
            email_key=email_key,
            password_hash=password_hash,
            created_at=now,
            updated_at=now,
        )
        user.record(UserRegistered(user_id=user.id, email=email))
        return user

    def change_password(self, password_hash: str, now: datetime) -> None:
        """Replace the password hash."""
        self.password_hash = password_hash
        self.updated_at = now
        self.version += 1
        self.record(UserPasswordChanged(user_id=self.id))

    def rehash_password(self, password_hash: str) -> None:
        """Store a new hash of the same password with the current parameters.

        No event and no new version: the password itself is unchanged.
        """
        self.password_hash = password_hash

    def deactivate(self, now: datetime) -> None:
        """Close the account. Closing it twice changes nothing."""
        if self.is_active:
            self.is_active = False
            self.updated_at = now
            self.version += 1
