"""Waiting for a condition, with a deadline."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from tools.common.errors import DeadlineError


def eventually(
    condition: str, holds: Callable[[], object], within: float = 30.0, every: float = 0.1
) -> float:
    """Ask until a condition holds; return the seconds that took, or raise `DeadlineError`."""
    begun = time.monotonic()
    while not holds():
        if time.monotonic() - begun > within:
            raise _late(condition, within)
        time.sleep(every)
    return time.monotonic() - begun


async def eventually_async(
    condition: str, holds: Callable[[], Awaitable[bool]], within: float = 15.0, every: float = 0.02
) -> None:
    """Ask on the event loop until a condition holds, or raise `DeadlineError`."""
    begun = time.monotonic()
    while not await holds():
        if time.monotonic() - begun > within:
            raise _late(condition, within)
        await asyncio.sleep(every)


def _late(condition: str, within: float) -> DeadlineError:
    return DeadlineError(f"not within {within:.0f} s: {condition}")
