"""The parts that can be exchanged, in one file each: it registers their adapters.

Whoever registers one of the types below is asked for it: the worker runs every job beside its
consumer, and every resource is closed in the end.
"""

import asyncio
from typing import Protocol


class Job(Protocol):
    """Something that the worker does as long as it runs."""

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set; return once what was in flight is done."""


class Resource(Protocol):
    """Something that holds connections."""

    async def aclose(self) -> None:
        """Let go of them."""
