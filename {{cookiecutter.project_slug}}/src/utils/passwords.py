"""Passwords: Argon2id (RFC 9106) at OWASP's parameters, and what is refused."""

import asyncio
import os
import unicodedata
from concurrent.futures import ThreadPoolExecutor

import argon2
from argon2.exceptions import VerificationError
from zxcvbn.frequency_lists import FREQUENCY_LISTS

from src.domain.errors import WeakPasswordError

MIN_LENGTH, MAX_LENGTH = 8, 128
COMMON_PASSWORDS = frozenset(p for p in FREQUENCY_LISTS["passwords"] if len(p) >= MIN_LENGTH)


def normalise(password: str) -> str:
    """Return the one form of what can be typed in several (NIST SP 800-63B, 5.1.1.2)."""
    return unicodedata.normalize("NFKC", password)


def check(password: str) -> None:
    """Accept a new password, or raise `WeakPasswordError`."""
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise WeakPasswordError(f"The password needs {MIN_LENGTH} to {MAX_LENGTH} characters.")
    if password.lower() in COMMON_PASSWORDS:
        raise WeakPasswordError("The password is too common: choose one that is harder to guess.")


class Argon2Passwords:
    """Argon2id in threads of its own, so that hashing never holds up the event loop.

    Its port is `Passwords`. 19 MiB, two passes, one lane: OWASP's Password Storage Cheat Sheet.
    """

    def __init__(self, *, threads: int = 2, memory_kib: int = 19_456, passes: int = 2) -> None:
        self._argon2 = argon2.PasswordHasher(
            time_cost=passes, memory_cost=memory_kib, parallelism=1, type=argon2.Type.ID
        )
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="argon2")
        self._hash_of_nothing = self._argon2.hash(os.urandom(16).hex())

    async def hash(self, password: str) -> str:
        password = normalise(password)
        check(password)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._argon2.hash, password)

    async def verify(self, password_hash: str | None, password: str) -> bool:
        loop = asyncio.get_running_loop()
        known_hash = password_hash or self._hash_of_nothing
        is_right = await loop.run_in_executor(
            self._threads, self._matches, known_hash, normalise(password)
        )
        return is_right and password_hash is not None

    def _matches(self, password_hash: str, password: str) -> bool:
        try:
            return self._argon2.verify(password_hash, password)
        except VerificationError:
            return False
