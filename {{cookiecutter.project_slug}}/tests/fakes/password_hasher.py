"""A password hasher without the work that makes hashing slow."""

import asyncio
import hashlib
import secrets
from collections.abc import Awaitable, Callable

from src.usecases.ports.password_hasher import (
    MAX_PASSWORD_LENGTH,
    MIN_PASSWORD_LENGTH,
    PasswordHasher,
    WeakPasswordError,
)
from src.utils.security.passwords import normalise_password

COMMON_PASSWORD = "password1"


class FakePasswordHasher(PasswordHasher):
    """Salted SHA-256. The only common password is `COMMON_PASSWORD`."""

    def __init__(self) -> None:
        self.verified_hashes: list[str | None] = []
        """The hash of each call of `verify`, in order."""
        self.outdated_hashes: set[str] = set()
        """The hashes that `rehash` renews, as if their parameters were outdated."""
        self.during_next_verify: Callable[[], Awaitable[object]] | None = None
        """Runs once, while the next password is verified."""

    async def hash(self, password: str, email: str = "") -> str:
        password = normalise_password(password)
        if not MIN_PASSWORD_LENGTH <= len(password) <= MAX_PASSWORD_LENGTH:
            raise WeakPasswordError("The password has the wrong length.")
        if password.lower() == COMMON_PASSWORD:
            raise WeakPasswordError("The password is too common.")
        if password.casefold() == email:
            raise WeakPasswordError("The password is the address.")
        await asyncio.sleep(0)
        return _salted_hash(secrets.token_hex(4), password)

    async def verify(self, password_hash: str | None, password: str) -> bool:
        self.verified_hashes.append(password_hash)
        action = self.during_next_verify
        self.during_next_verify = None
        if action is not None:
            await action()
        await asyncio.sleep(0)
        if password_hash is None:
            return False
        salt = password_hash.partition("$")[0]
        return password_hash == _salted_hash(salt, normalise_password(password))

    async def rehash(self, password_hash: str, password: str) -> str | None:
        if password_hash not in self.outdated_hashes:
            return None
        return _salted_hash(secrets.token_hex(4), normalise_password(password))


def _salted_hash(salt: str, password: str) -> str:
    return f"{salt}${hashlib.sha256(f'{salt}{password}'.encode()).hexdigest()}"
