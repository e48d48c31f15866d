"""How a consumer notices a connection that died without a sign."""

import asyncio
from contextlib import suppress

from aio_pika.abc import AbstractChannel
from aio_pika.exceptions import CONNECTION_EXCEPTIONS

PROBE_SECONDS = 5
"""How often a consumer asks for an answer. It notices a silent connection in twice this time."""


async def until_silent(channel: AbstractChannel, prefetch_count: int) -> None:
    """Return when the broker no longer answers on this channel.

    A connection can die without a sign. aio-pika waits for more than three heartbeats.
    """
    with suppress(*CONNECTION_EXCEPTIONS):
        while True:
            await asyncio.sleep(PROBE_SECONDS)
            async with asyncio.timeout(PROBE_SECONDS):
                await channel.set_qos(prefetch_count=prefetch_count)  # a request without an effect
