"""Guesses passwords under a login throttle with low limits."""

import asyncio
import secrets
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from uuid import uuid4

from limits.aio.storage import Storage

from src.domain.errors import AuthenticationError
from src.usecases.ports.login_throttle import TooManyAttemptsError
from src.utils.security.throttle import LimitsLoginThrottle
from tests.support.waiting import eventually

WINDOW_SECONDS = 600
PER_ADDRESS = 8
PER_ACCOUNT = 5
PER_PAIR = 3


def throttle_on(storage: Storage) -> LimitsLoginThrottle:
    """Return a throttle with limits that a test reaches after a few guesses."""
    return LimitsLoginThrottle(
        shared=storage,
        window_seconds=WINDOW_SECONDS,
        per_address=PER_ADDRESS,
        per_account=PER_ACCOUNT,
        per_account_and_address=PER_PAIR,
    )


def new_account() -> str:
    """Return an email address that no other test uses."""
    return f"ada-{uuid4().hex[:12]}@example.com"


def new_network() -> str:
    """Return an IPv4 prefix that no other test uses. Append the last number."""
    return f"10.{secrets.randbelow(256)}.{secrets.randbelow(256)}."


async def guess_concurrently(
    attempt: Callable[[], AbstractAsyncContextManager[None]],
    *,
    number: int,
    error: Exception | None = None,
) -> list[BaseException | None]:
    """Make guesses that end only when the throttle has allowed or refused every guess.

    An allowed guess ends with `error`, if there is one. Return the outcome of each guess.
    """
    allowed = 0
    all_decided = asyncio.Event()

    async def make() -> None:
        nonlocal allowed
        async with attempt():
            allowed += 1
            await all_decided.wait()
            if error:
                raise error

    tasks = [asyncio.create_task(make()) for _ in range(number)]

    async def are_all_decided() -> bool:
        return allowed + sum(task.done() for task in tasks) == number

    await eventually(are_all_decided)
    all_decided.set()
    return await asyncio.gather(*tasks, return_exceptions=True)


async def guess(attempt: AbstractAsyncContextManager[None], *, correct: bool = False) -> bool:
    """Make a guess, wrong by default. Return whether the throttle allowed it."""
    was_made = False
    with suppress(AuthenticationError, TooManyAttemptsError):
        async with attempt:
            was_made = True
            _end(correct=correct)
    return was_made


def _end(*, correct: bool) -> None:
    if not correct:
        raise AuthenticationError
