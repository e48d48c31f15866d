"""Takes the API out of a load balancer without losing a request."""

import asyncio
import signal
from typing import Any


class Drain:
    """Delays the stop by some seconds after SIGTERM. In that time the API serves, but is not ready.

    A load balancer that checks readiness then sends no more requests when Uvicorn closes the port.
    Closing the port resets the connections that Uvicorn has not accepted yet.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._has_begun = False

    async def check(self) -> None:
        """Return if the API accepts new requests, else raise `InterruptedError`."""
        if self._has_begun:
            raise InterruptedError("the API received SIGTERM")

    def watch(self) -> None:
        """Replace Uvicorn's handler of SIGTERM, and call it after the delay.

        Call this in the lifespan: Uvicorn installs its handler before the lifespan begins.
        """
        if self._seconds:
            stop = signal.getsignal(signal.SIGTERM)
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self._begin, stop)

    def _begin(self, stop: Any) -> None:
        self._has_begun = True
        asyncio.get_running_loop().call_later(self._seconds, stop, signal.SIGTERM, None)
