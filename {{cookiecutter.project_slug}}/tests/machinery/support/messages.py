"""The queue of messages as the tests of every variant see it."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from src.usecases.ports.messaging import DeadLetter, DeadLetters, EventConsumer, MessageHandler
from src.utils.settings import Settings
from tests.support.network import Proxy
from tests.support.waiting import eventually

EVENT_TYPE = "machinery.sent.v1"
"""The type of an event that the service does not declare, and that no consumer handles."""


@dataclass(frozen=True, kw_only=True)
class Running:
    """A consumer at work."""

    consumer: EventConsumer
    task: asyncio.Task[None]
    stop: asyncio.Event

    async def consumes(self) -> bool:
        """Tell whether messages can arrive."""
        if self.task.done():
            self.task.result()
        return self.consumer.is_consuming

    async def has_lost_its_server(self) -> bool:
        """Tell whether no messages can arrive."""
        return not self.consumer.is_consuming


class MessageQueue(ABC):
    """An empty queue of one test. Its consumers connect to the server through `proxy`."""

    proxy: Proxy
    dead_letters: DeadLetters

    async def send(self, data: str = "", *, request_id: str | None = None) -> str:
        """Send an event, and return its id."""
        envelope = {
            "id": str(uuid4()),
            "type": EVENT_TYPE,
            "requestid": request_id,
            "data": data,
        }
        return await self.send_envelope(envelope)

    @abstractmethod
    async def send_envelope(self, envelope: dict[str, Any]) -> str:
        """Send an event with this envelope, and return its id: a new one if it has none."""

    @abstractmethod
    async def send_waiting(self, waits: int) -> str:
        """Send an event of an unknown type that has waited this often, and return its id."""

    @abstractmethod
    def proxied(self, settings: Settings) -> Settings:
        """Return settings with which the service connects to the server through the proxy."""

    @abstractmethod
    async def add_dead_letter(self, letter: DeadLetter) -> None:
        """Put a message among the dead letters."""

    @abstractmethod
    async def is_empty(self) -> bool:
        """Tell whether no message waits, for a first delivery or a later attempt."""

    @abstractmethod
    async def deliver_to_dying_worker(self) -> None:
        """Deliver every message to a worker that dies before its handlers return."""

    @abstractmethod
    def create_consumer(
        self, handle: MessageHandler, *, concurrency: int, handler_timeout_seconds: float
    ) -> EventConsumer:
        """Return a consumer. By default it retries after one second, then after two."""

    @abstractmethod
    async def kill(self, running: Running) -> None:
        """End a consumer as SIGKILL does, and make its messages available again."""

    @asynccontextmanager
    async def consuming(
        self, handle: MessageHandler, *, concurrency: int = 10, handler_timeout_seconds: float = 20
    ) -> AsyncIterator[Running]:
        """Run a consumer. It stops when the context is left."""
        consumer = self.create_consumer(
            handle, concurrency=concurrency, handler_timeout_seconds=handler_timeout_seconds
        )
        stop = asyncio.Event()
        task = asyncio.create_task(consumer.run(stop))
        running = Running(consumer=consumer, task=task, stop=stop)
        try:
            await eventually(running.consumes)
            yield running
        finally:
            stop.set()
            await asyncio.wait([task], timeout=20)
        assert task.done(), "the consumer did not stop"
        if not task.cancelled():
            task.result()
