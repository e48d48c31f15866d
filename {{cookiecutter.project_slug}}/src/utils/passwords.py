"""Passwords: Argon2id (RFC 9106), and what is refused."""

import asyncio
import os
import sys
from base64 import b64encode
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import BoundedSemaphore
from typing import TypeVar

import argon2
from argon2.exceptions import VerificationError
from zxcvbn.frequency_lists import FREQUENCY_LISTS

from src.domain.errors import WeakPasswordError
from src.domain.password import MAX_LENGTH, MIN_LENGTH, normalise_password
from src.usecases.ports.security import HashingBusyError

T = TypeVar("T")
NICENESS = 10
MIN_WORD = MIN_REST = 4  # of a word that is no secret, and of what is left without them

COMMON_PASSWORDS = frozenset(p for p in FREQUENCY_LISTS["passwords"] if len(p) >= MIN_LENGTH)


def check(password: str, context: Sequence[str]) -> None:
    """Accept a new password, or raise `WeakPasswordError`."""
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise WeakPasswordError(f"The password needs {MIN_LENGTH} to {MAX_LENGTH} characters.")
    if password.lower() in COMMON_PASSWORDS:
        raise WeakPasswordError("The password is too common: choose one that is harder to guess.")
    rest = password.casefold()
    for word in context:
        rest = rest.replace(word, "") if len(word) >= MIN_WORD else rest
    if len(rest) < MIN_REST:
        raise WeakPasswordError("The password is little more than the address or this service.")


def step_back() -> None:
    """Have the calling thread leave the CPU to the event loop's thread when there is not enough."""
    if sys.platform == "linux":  # elsewhere the whole process would step back
        os.nice(NICENESS)


class Argon2Passwords:
    """Argon2id in threads of its own, so that hashing never holds up the event loop.

    Its port is `Passwords`. At most `queue` passwords wait for a thread.
    """

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
        self._context = service_name.casefold().split("-")
        self._argon2 = argon2.PasswordHasher(
            time_cost=passes, memory_cost=memory_kib, parallelism=lanes, type=argon2.Type.ID
        )
        self._threads = ThreadPoolExecutor(threads, "argon2", initializer=step_back)
        self._places = BoundedSemaphore(threads + queue)
        # As costly to verify as any, and made without its cost, which would delay the start.
        salt, digest = (b64encode(os.urandom(n)).rstrip(b"=").decode() for n in (16, 32))
        cost = f"m={memory_kib},t={passes},p={lanes}"
        self._hash_of_nothing = f"$argon2id$v=19${cost}${salt}${digest}"

    async def hash(self, password: str, email: str = "") -> str:
        password = normalise_password(password)
        check(password, [email, *email.split("@"), *self._context])
        return await self._in_thread(self._argon2.hash, password)

    async def verify(self, password_hash: str | None, password: str) -> bool:
        known_hash = password_hash or self._hash_of_nothing
        try:
            await self._in_thread(self._argon2.verify, known_hash, normalise_password(password))
        except VerificationError:
            return False
        return password_hash is not None

    async def rehash(self, password_hash: str, password: str) -> str | None:
        if not self._argon2.check_needs_rehash(password_hash):
            return None
        return await self._in_thread(self._argon2.hash, normalise_password(password))

    async def _in_thread(self, function: Callable[..., T], *arguments: str) -> T:
        if not self._places.acquire(blocking=False):
            raise HashingBusyError
        future = self._threads.submit(function, *arguments)
        future.add_done_callback(lambda _: self._places.release())
        return await asyncio.wrap_future(future)
