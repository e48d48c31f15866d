"""Leaving a load balancer without losing a request."""

import asyncio
import signal
from typing import Any


class Drain:
    """For some seconds after SIGTERM, the API says that it is not ready and goes on serving.

    Whoever routes by readiness then sends nothing more by the time Uvicorn closes the port, which
    resets the connections that it has not accepted yet.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._has_begun = False

    async def check(self) -> None:
        """Return if new requests are welcome, else raise."""
        if self._has_begun:
            raise InterruptedError("told to stop")

    def watch(self) -> None:
        """Come before Uvicorn's own handler, which is there by the time the lifespan begins."""
        if self._seconds:
            stop = signal.getsignal(signal.SIGTERM)
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self._begin, stop)

    def _begin(self, stop: Any) -> None:
        self._has_begun = True
        asyncio.get_running_loop().call_later(self._seconds, stop, signal.SIGTERM, None)
