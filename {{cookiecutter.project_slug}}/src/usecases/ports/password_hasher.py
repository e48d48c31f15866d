"""Password hashing, and the rules for new passwords."""

from typing import Protocol

from src.domain.errors import InvalidError

MIN_PASSWORD_LENGTH = 8
MAX_PASSWORD_LENGTH = 128


class WeakPasswordError(InvalidError):
    """The password is too short, too long, too common or made of the address."""


class HashingBusyError(Exception):
    """Too many passwords wait to be hashed (503)."""


class PasswordHasher(Protocol):
    """Hashes slowly, and never on the event loop. Each method may raise `HashingBusyError`."""

    async def hash(self, password: str, email: str = "") -> str:
        """Return the salted hash of a new password, or raise `WeakPasswordError`.

        A password that is made of the account's address or of the service's name is weak.
        """

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Tell whether the hash belongs to the password.

        None stands for an unknown account: the check takes the same time and returns False, so the
        response time does not reveal which accounts exist.
        """

    async def rehash(self, password_hash: str, password: str) -> str | None:
        """Return a new hash of a correct password if the old one has outdated parameters."""
