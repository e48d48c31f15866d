"""Passwords: Argon2id (RFC 9106) at OWASP's parameters, and the policy for new ones."""

import asyncio
import os
import unicodedata
from concurrent.futures import ThreadPoolExecutor

import argon2
from argon2.exceptions import VerificationError
from zxcvbn.frequency_lists import FREQUENCY_LISTS

from src.domain.errors import WeakPasswordError

MIN_LENGTH = 8
MAX_LENGTH = 128
COMMON_PASSWORDS = frozenset(p for p in FREQUENCY_LISTS["passwords"] if len(p) >= MIN_LENGTH)


def normalise(password: str) -> str:
    """Return the one form of a password that can be typed in several (NIST SP 800-63B, 5.1.1.2)."""
    return unicodedata.normalize("NFKC", password)


class LengthAndCommonness:
    """Refuses what is too short, too long or among the passwords that attackers try first."""

    def check(self, password: str) -> None:
        """Accept a new password, or raise `WeakPasswordError`."""
        password = normalise(password)
        if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
            raise WeakPasswordError(
                f"The password must have {MIN_LENGTH} to {MAX_LENGTH} characters."
            )
        if password.lower() in COMMON_PASSWORDS:
            raise WeakPasswordError(
                "The password is too common: choose one that is harder to guess."
            )


class Argon2PasswordHasher:
    """Argon2id in a pool of one thread a CPU, so that hashing never holds up the event loop.

    19 MiB, two passes, one lane: OWASP's Password Storage Cheat Sheet.
    """

    def __init__(self, *, memory_kib: int = 19_456, passes: int = 2) -> None:
        self._hasher = argon2.PasswordHasher(
            time_cost=passes, memory_cost=memory_kib, parallelism=1, type=argon2.Type.ID
        )
        self._threads = ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="argon2")
        self._hash_of_nothing = self._hasher.hash(os.urandom(16).hex())

    async def hash(self, password: str) -> str:
        """Return a salted hash in the PHC string format."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._hasher.hash, normalise(password))

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Tell whether the password made the hash; for None, take as long and say no."""
        loop = asyncio.get_running_loop()
        is_right = await loop.run_in_executor(
            self._threads,
            self._matches,
            password_hash or self._hash_of_nothing,
            normalise(password),
        )
        return is_right and password_hash is not None

    def _matches(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except VerificationError:
            return False
