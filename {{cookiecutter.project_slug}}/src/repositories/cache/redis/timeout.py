"""A timeout that tells a silent server from a process that got no CPU."""

import asyncio
from types import TracebackType

STEPS = 5


class LoopTimeout:
    """Ends its block with `TimeoutError` after five steps, each a fifth of the time.

    A process that was stopped for any time passes one step, and reads its sockets before the next
    one. A single timer would expire before the loop reads an answer that has already arrived.
    """

    __slots__ = ("_left", "_loop", "_step_seconds", "_timeout", "_timer")

    def __init__(self, seconds: float) -> None:
        self._step_seconds = seconds / STEPS
        self._left = STEPS

    async def __aenter__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._timeout = asyncio.timeout(None)
        await self._timeout.__aenter__()
        self._timer = self._loop.call_later(self._step_seconds, self._step)

    def _step(self) -> None:
        self._left -= 1
        if self._left:
            self._timer = self._loop.call_later(self._step_seconds, self._step)
        else:
            self._timeout.reschedule(self._loop.time())

    async def __aexit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._timer.cancel()
        await self._timeout.__aexit__(error_type, error, traceback)
