"""Hashes passwords with Argon2id (RFC 9106), and refuses weak ones."""

import asyncio
import os
import sys
import unicodedata
from base64 import b64encode
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import BoundedSemaphore
from typing import TypeVar

import argon2
from argon2.exceptions import VerificationError
from zxcvbn.frequency_lists import FREQUENCY_LISTS

from src.usecases.ports.password_hasher import (
    MAX_PASSWORD_LENGTH,
    MIN_PASSWORD_LENGTH,
    HashingBusyError,
    PasswordHasher,
    WeakPasswordError,
)

T = TypeVar("T")
NICENESS = 10
MIN_WORD = 4  # shorter words of the address are not removed from a password
MIN_REST = 4  # a password needs this many characters beside such words

COMMON_PASSWORDS = frozenset(
    password for password in FREQUENCY_LISTS["passwords"] if len(password) >= MIN_PASSWORD_LENGTH
)


def normalise_password(password: str) -> str:
    """Return the same text for every Unicode form of a password (NIST SP 800-63B, 5.1.1.2)."""
    return unicodedata.normalize("NFKC", password)


def refuse_weak_password(password: str, guessable_words: Sequence[str]) -> None:
    """Raise `WeakPasswordError` for a password that is easy to guess."""
    if not MIN_PASSWORD_LENGTH <= len(password) <= MAX_PASSWORD_LENGTH:
        raise WeakPasswordError(
            f"The password needs {MIN_PASSWORD_LENGTH} to {MAX_PASSWORD_LENGTH} characters."
        )
    if password.lower() in COMMON_PASSWORDS:
        raise WeakPasswordError("The password is too common: choose one that is harder to guess.")
    rest = password.casefold()
    for word in guessable_words:
        if len(word) >= MIN_WORD:
            rest = rest.replace(word, "")
    if len(rest) < MIN_REST:
        raise WeakPasswordError(
            "The password must not consist mainly of the email address or of this service's name."
        )


def lower_priority() -> None:
    """Lower the calling thread's CPU priority below that of the event loop's thread.

    Only Linux has a niceness per thread. Elsewhere it would apply to the whole process.
    """
    if sys.platform == "linux":
        os.nice(NICENESS)


class Argon2PasswordHasher(PasswordHasher):
    """Argon2id in a thread pool. At most `queue` calls wait for a thread."""

    def __init__(  # noqa: PLR0913  each is a setting
        self,
        *,
        threads: int,
        queue: int,
        memory_kib: int,
        passes: int,
        lanes: int,
        service_name: str,
    ) -> None:
        self._service_words = service_name.casefold().split("-")
        self._argon2 = argon2.PasswordHasher(
            time_cost=passes, memory_cost=memory_kib, parallelism=lanes, type=argon2.Type.ID
        )
        self._threads = ThreadPoolExecutor(threads, "argon2", initializer=lower_priority)
        self._places = BoundedSemaphore(threads + queue)
        # Verified for unknown accounts. Random, because to compute a hash would delay the start.
        parameters = f"m={memory_kib},t={passes},p={lanes}"
        self._dummy_hash = f"$argon2id$v=19${parameters}${_random_base64(16)}${_random_base64(32)}"

    async def hash(self, password: str, email: str = "") -> str:
        password = normalise_password(password)
        email = normalise_password(email).casefold()
        refuse_weak_password(password, [email, *email.split("@"), *self._service_words])
        return await self._run_in_thread(self._argon2.hash, password)

    async def verify(self, password_hash: str | None, password: str) -> bool:
        known_hash = password_hash or self._dummy_hash
        try:
            await self._run_in_thread(self._argon2.verify, known_hash, normalise_password(password))
        except VerificationError:
            return False
        return password_hash is not None

    async def rehash(self, password_hash: str, password: str) -> str | None:
        if not self._argon2.check_needs_rehash(password_hash):
            return None
        return await self._run_in_thread(self._argon2.hash, normalise_password(password))

    async def _run_in_thread(self, function: Callable[..., T], *arguments: str) -> T:
        if not self._places.acquire(blocking=False):
            raise HashingBusyError
        future = self._threads.submit(function, *arguments)
        future.add_done_callback(lambda _: self._places.release())
        return await asyncio.wrap_future(future)


def _random_base64(size: int) -> str:
    """Encode random bytes as Argon2 encodes its salt and digest: without padding."""
    return b64encode(os.urandom(size)).rstrip(b"=").decode()
