"""Argon2 password hashers for tests, and stand-ins for the Argon2 library behind one."""

import threading
from typing import Literal, NamedTuple

import argon2
from argon2.exceptions import VerificationError

from src.utils.security.passwords import Argon2PasswordHasher

OPEN_SECONDS = 20


def argon2_hasher(  # noqa: PLR0913  the constructor's arguments
    *,
    threads: int = 2,
    queue: int = 100,
    memory_kib: int = 8,
    passes: int = 1,
    lanes: int = 1,
    service_name: str = "",
) -> Argon2PasswordHasher:
    """Return a hasher that is fast unless a test asks for other parameters."""
    return Argon2PasswordHasher(
        threads=threads,
        queue=queue,
        memory_kib=memory_kib,
        passes=passes,
        lanes=lanes,
        service_name=service_name,
    )


class Verification(NamedTuple):
    """The work of one verification: the parameters of the hash, and the outcome.

    Argon2 reports a mismatch only after it has computed the whole hash.
    """

    parameters: argon2.Parameters
    error: type[VerificationError] | None


class RecordingArgon2(argon2.PasswordHasher):
    """Records each verification, the thread of each call, and whether a call is in progress."""

    def __init__(self, original: argon2.PasswordHasher) -> None:
        super().__init__(
            time_cost=original.time_cost,
            memory_cost=original.memory_cost,
            parallelism=original.parallelism,
            type=original.type,
        )
        self.verifications: list[Verification] = []
        self.thread_ids: list[int] = []
        self.is_hashing = False

    def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
        self._begin()
        password_hash = super().hash(password, salt=salt)
        self.is_hashing = False
        return password_hash

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002
        parameters = argon2.extract_parameters(hash if isinstance(hash, str) else hash.decode())
        self._begin()
        error: type[VerificationError] | None = None
        try:
            return super().verify(hash, password)
        except VerificationError as raised:
            error = type(raised)
            raise
        finally:
            self.is_hashing = False
            self.verifications.append(Verification(parameters, error))

    def _begin(self) -> None:
        self.thread_ids.append(threading.get_native_id())
        self.is_hashing = True


class BlockedArgon2(argon2.PasswordHasher):
    """Accepts every password, but only after the test has set `opened`."""

    def __init__(self) -> None:
        super().__init__()
        self.opened = threading.Event()

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002
        if not self.opened.wait(OPEN_SECONDS):
            raise TimeoutError("the test did not set `opened`")
        return True


def record_argon2(hasher: Argon2PasswordHasher) -> RecordingArgon2:
    """Record the calls that a hasher makes from now on."""
    recorder = RecordingArgon2(hasher._argon2)
    hasher._argon2 = recorder
    return recorder


def block_argon2(hasher: Argon2PasswordHasher) -> BlockedArgon2:
    """Block each verification of a hasher until the test sets `opened`."""
    blocked = BlockedArgon2()
    hasher._argon2 = blocked
    return blocked
