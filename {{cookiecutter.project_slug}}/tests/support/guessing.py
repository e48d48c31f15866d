"""Guessing passwords, and being stopped."""

import secrets
from contextlib import AbstractAsyncContextManager, suppress

from limits.aio.storage import Storage

from src.domain.errors import AuthenticationError
from src.repositories.throttle import LimitsThrottle
from src.usecases.ports.throttle import TooManyAttemptsError

PER_ADDRESS, PER_ACCOUNT, PER_PAIR = 8, 5, 3


def throttle_on(storage: Storage) -> LimitsThrottle:
    """Return a throttle with limits that are soon reached."""
    return LimitsThrottle(
        storage,
        window_seconds=60,
        per_address=PER_ADDRESS,
        per_account=PER_ACCOUNT,
        per_account_and_address=PER_PAIR,
    )


def new_network() -> str:
    """Return how addresses begin that no other test uses; the last number is missing."""
    return f"10.{secrets.randbelow(256)}.{secrets.randbelow(256)}."


async def guess(attempt: AbstractAsyncContextManager[None], *, right: bool = False) -> bool:
    """Return whether a guess was allowed to be made."""
    was_made = False
    with suppress(AuthenticationError, TooManyAttemptsError):
        async with attempt:
            was_made = True
            _answer(right=right)
    return was_made


def _answer(*, right: bool) -> None:
    if not right:
        raise AuthenticationError
