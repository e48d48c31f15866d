"""Handlers of messages that fail, wait or are killed."""

import asyncio
from typing import Any

import orjson
import structlog

from tests.support.waiting import eventually

POISON = "poison"


class Handler:
    """Records every call. It raises `errors` first, one for each call."""

    def __init__(self, *errors: Exception) -> None:
        self._errors = list(errors)
        self.bodies: list[bytes] = []
        self.contexts: list[dict[str, Any]] = []

    async def __call__(self, body: bytes) -> None:
        self.bodies.append(body)
        self.contexts.append(structlog.contextvars.get_contextvars())
        if self._errors:
            raise self._errors.pop(0)

    def fail(self, error: Exception) -> None:
        """Raise this error in the next call that would succeed."""
        self._errors.append(error)

    @property
    def data(self) -> list[Any]:
        """The data of all events, in the order of the calls."""
        return [orjson.loads(body)["data"] for body in self.bodies]

    @property
    def attempts(self) -> list[int]:
        """The number of the attempt in the log context of each call."""
        return [context["attempt"] for context in self.contexts]

    async def called(self, times: int, seconds: float = 20) -> None:
        """Return when the handler has been called this often."""

        async def has_been_called() -> bool:
            return len(self.bodies) >= times

        await eventually(has_been_called, seconds)


class SlowHandler(Handler):
    """Returns once `may_finish` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.may_finish = asyncio.Event()
        self.finished: list[Any] = []

    async def __call__(self, body: bytes) -> None:
        await super().__call__(body)
        await self.may_finish.wait()
        self.finished.append(orjson.loads(body)["data"])


class KilledHandler(Handler):
    """Stands for a process that the poison message kills: after it, no call returns."""

    def __init__(self) -> None:
        super().__init__()
        self.is_killed = False
        self.finished: set[Any] = set()

    async def __call__(self, body: bytes) -> None:
        await super().__call__(body)
        data = orjson.loads(body)["data"]
        self.is_killed |= data == POISON
        await asyncio.sleep(0.05)  # the co-delivered messages take longer than the poison message
        if self.is_killed:
            await asyncio.Event().wait()
        self.finished.add(data)
