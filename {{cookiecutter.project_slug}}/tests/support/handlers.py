"""Handlers that fail or take their time."""

import asyncio

import structlog

from tests.support.waiting import eventually


class Handler:
    """Records what it is called with. It raises `errors` first, one a call."""

    def __init__(self, *errors: Exception) -> None:
        self._errors = list(errors)
        self.bodies: list[bytes] = []
        self.contexts: list[dict[str, object]] = []

    async def __call__(self, body: bytes) -> None:
        self.bodies.append(body)
        self.contexts.append(structlog.contextvars.get_contextvars())
        if self._errors:
            raise self._errors.pop(0)

    async def called(self, times: int, seconds: float = 20) -> None:
        """Return when it was called so often."""

        async def often_enough() -> bool:
            return len(self.bodies) >= times

        await eventually(often_enough, seconds)


class SlowHandler(Handler):
    """Takes until it is told to finish."""

    def __init__(self) -> None:
        super().__init__()
        self.may_finish = asyncio.Event()
        self.finished = 0

    async def __call__(self, body: bytes) -> None:
        await super().__call__(body)
        await self.may_finish.wait()
        self.finished += 1
