"""Batches: what is asked for while another answer is under way is then asked for together."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")

LARGEST = 32
"""Small enough that the event loop's turn is short in which all of a batch go on."""


class Batches(Generic[Item, Answer]):
    """Has items answered in batches, one after the other.

    A busy event loop fills them: a batch then costs little more than one item would alone. After
    Byron's DataLoader (2015).
    """

    def __init__(self, answer: Callable[[Sequence[Item]], Awaitable[Sequence[Answer]]]) -> None:
        """`answer` returns one answer for each item, in their order."""
        self._answer = answer
        self._waiting: deque[tuple[Item, asyncio.Future[Answer]]] = deque()
        self._sending: asyncio.Task[None] | None = None

    def ask(self, item: Item) -> asyncio.Future[Answer]:
        """Return the answer to come, which may also be left alone."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._sending is None:
            # Begins in the loop's next turn, when all that is ready in this one has asked.
            self._sending = asyncio.create_task(self._send())
        return future

    async def _send(self) -> None:
        try:
            while self._waiting:
                count = min(LARGEST, len(self._waiting))
                await self._send_batch([self._waiting.popleft() for _ in range(count)])
        finally:
            self._sending = None

    async def _send_batch(self, batch: Sequence[tuple[Item, asyncio.Future[Answer]]]) -> None:
        waiting = [future for _, future in batch]
        try:
            answers = await self._answer([item for item, _ in batch])
        except Exception as error:  # noqa: BLE001  whoever asked shall hear of it
            for future in waiting:
                if not future.done():
                    future.set_exception(error)
            return
        for future, answer in zip(waiting, answers, strict=True):
            if not future.done():  # who asked may have gone
                future.set_result(answer)

    async def aclose(self, timeout_seconds: float) -> None:
        """Wait a moment for the answers that are still to come."""
        if self._sending is not None:
            await asyncio.wait([self._sending], timeout=timeout_seconds)
