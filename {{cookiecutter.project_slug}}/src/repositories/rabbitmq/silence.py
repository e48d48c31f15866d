"""Lost connections of a consumer that lives on: how it notices them, and what they cost."""

import asyncio
import math
import time
from contextlib import suppress

from aio_pika.abc import AbstractChannel
from aio_pika.exceptions import CONNECTION_EXCEPTIONS

from src.repositories.rabbitmq.connection import HEARTBEAT_SECONDS

PROBE_SECONDS = 5
"""How often a consumer asks for an answer. It notices a silent connection in twice this time."""
REDELIVERY_SECONDS = HEARTBEAT_SECONDS * 6
"""How long after a reconnect the broker may redeliver the messages of the lost connection."""


async def until_silent(channel: AbstractChannel, prefetch_count: int) -> None:
    """Return when the broker no longer answers on this channel.

    A connection can die without a sign. aio-pika waits for more than three heartbeats.
    """
    with suppress(*CONNECTION_EXCEPTIONS):
        while True:
            await asyncio.sleep(PROBE_SECONDS)
            async with asyncio.timeout(PROBE_SECONDS):
                await channel.set_qos(prefetch_count=prefetch_count)  # a request without an effect


class RedeliveryGrace:
    """The time after a reconnect in which a redelivery is no sign that a worker died."""

    def __init__(self) -> None:
        self._ends_at = -math.inf

    def lost(self) -> None:
        """Note that the connection was lost and the worker lives on."""
        self._ends_at = math.inf

    def connected(self) -> None:
        """Begin the grace, if a connection was lost before."""
        if self._ends_at == math.inf:
            self._ends_at = time.monotonic() + REDELIVERY_SECONDS

    def is_open(self) -> bool:
        """Tell whether a redelivered message may come from the lost connection."""
        return time.monotonic() < self._ends_at
