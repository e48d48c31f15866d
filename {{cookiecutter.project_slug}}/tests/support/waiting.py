"""Waiting for the effects of other tasks and processes."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def eventually(look: Callable[[], Awaitable[T]], seconds: float = 100) -> T:
    """Call `look` until its result is true, and return it. Fail with the last result."""
    deadline = time.monotonic() + seconds
    while not (seen := await look()):
        assert time.monotonic() < deadline, f"still {seen!r} after {seconds} seconds"
        await asyncio.sleep(0.02)
    return seen
