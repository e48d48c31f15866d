"""Passwords: how they are judged and how they are kept."""

from typing import Protocol


class PasswordPolicy(Protocol):
    """Decides which passwords may be chosen."""

    def check(self, password: str) -> None:
        """Accept a new password, or raise `WeakPasswordError`."""
        ...


class PasswordHasher(Protocol):
    """Hashes slowly, and never on the event loop."""

    async def hash(self, password: str) -> str:
        """Return a salted hash that carries its own parameters."""
        ...

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Tell whether the password made the hash.

        None stands for an account that does not exist: it costs the same time and is never right,
        so an answer's time tells nobody who has an account.
        """
        ...
