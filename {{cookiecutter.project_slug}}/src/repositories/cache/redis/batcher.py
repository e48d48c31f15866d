"""Batches requests: those that arrive while one batch is under way form the next."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")

MAX_BATCH = 32
"""Limits how many tasks continue in one turn of the event loop, so that the turn stays short."""


class Batcher(Generic[Item, Answer]):
    """Sends one batch of items at a time.

    The busier the event loop, the larger the batches; a batch costs little more than one item.
    After Byron's DataLoader (2015).
    """

    def __init__(self, *, send: Callable[[Sequence[Item]], Awaitable[Sequence[Answer]]]) -> None:
        """`send` returns one answer for each item, in the order of the items."""
        self._send = send
        self._waiting: deque[tuple[Item, asyncio.Future[Answer]]] = deque()
        self._sender: asyncio.Task[None] | None = None

    def submit(self, item: Item) -> asyncio.Future[Answer]:
        """Add an item to the next batch. Return its future answer, which may be ignored."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._sender is None:
            # It starts in the loop's next turn, after every task that is ready in this turn.
            self._sender = asyncio.create_task(self._send_all())
        return future

    async def _send_all(self) -> None:
        try:
            while self._waiting:
                count = min(MAX_BATCH, len(self._waiting))
                await self._send_batch([self._waiting.popleft() for _ in range(count)])
        finally:
            self._sender = None

    async def _send_batch(self, batch: Sequence[tuple[Item, asyncio.Future[Answer]]]) -> None:
        try:
            answers = await self._send([item for item, _ in batch])
        except Exception as error:  # noqa: BLE001  each item's caller gets it
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, future), answer in zip(batch, answers, strict=True):
            if not future.done():  # the caller may have been cancelled
                future.set_result(answer)

    async def aclose(self, timeout_seconds: float) -> None:
        """Wait a limited time for the answers still to come."""
        if self._sender is not None:
            await asyncio.wait([self._sender], timeout=timeout_seconds)
