"""Passwords without the work that makes hashing slow."""

import asyncio
import hashlib
import secrets
from collections.abc import Awaitable, Callable

from src.domain.errors import WeakPasswordError
from src.domain.password import MAX_LENGTH, MIN_LENGTH, normalise_password

COMMON = "password1"


class FastPasswords:
    """Salted SHA-256, and one common password. Its port is `Passwords`."""

    def __init__(self) -> None:
        self.verified: list[str | None] = []
        self.outdated: set[str] = set()
        """Hashes whose parameters have changed."""
        self.meanwhile: Callable[[], Awaitable[object]] | None = None
        """Happens once, while the next password is being verified."""

    async def hash(self, password: str, email: str = "") -> str:
        password = normalise_password(password)
        if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
            raise WeakPasswordError("The password has the wrong length.")
        if password.lower() == COMMON:
            raise WeakPasswordError("The password is too common.")
        if password.casefold() == email:
            raise WeakPasswordError("The password is the address.")
        await asyncio.sleep(0)
        return _digest(secrets.token_hex(4), password)

    async def verify(self, password_hash: str | None, password: str) -> bool:
        self.verified.append(password_hash)
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            await meanwhile()
        await asyncio.sleep(0)
        if password_hash is None:
            return False
        salt, _, _ = password_hash.partition("$")
        return password_hash == _digest(salt, normalise_password(password))

    async def rehash(self, password_hash: str, password: str) -> str | None:
        return await self.hash(password) if password_hash in self.outdated else None


def _digest(salt: str, password: str) -> str:
    return f"{salt}${hashlib.sha256(f'{salt}{password}'.encode()).hexdigest()}"
