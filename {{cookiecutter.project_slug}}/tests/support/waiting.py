"""Waiting for what other tasks and processes do."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def eventually(look: Callable[[], Awaitable[T]], seconds: float = 20) -> T:
    """Look until what is seen is true, and return it; fail with what was seen last."""
    deadline = time.monotonic() + seconds
    while not (seen := await look()):
        assert time.monotonic() < deadline, f"still {seen!r} after {seconds} seconds"
        await asyncio.sleep(0.02)
    return seen
