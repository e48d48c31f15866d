"""The dead letters in RabbitMQ: list and redrive them."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aio_pika.abc import AbstractIncomingMessage

from src.repositories.rabbitmq.connection import (
    PUBLISH_TIMEOUT_SECONDS,
    RabbitMQBroker,
    open_channel,
)
from src.repositories.rabbitmq.declarer import Declarer
from src.repositories.rabbitmq.failures import ERROR, FIRST_SEEN, REASON, attempt_of, send_copy
from src.usecases.ports.messaging import DeadLetter, DeadLetters


@dataclass(frozen=True, kw_only=True)
class RabbitMQDeadLetters(DeadLetters):
    """The messages of the dead queue."""

    broker: RabbitMQBroker
    declarer: Declarer

    async def read(self) -> list[DeadLetter]:
        async with self._messages() as messages:
            return [_describe(message) for message in messages]

    async def redrive(self, is_chosen: Callable[[DeadLetter], bool]) -> int:
        topology = self.declarer.topology
        async with self._messages() as messages:
            chosen = [message for message in messages if is_chosen(_describe(message))]
            for message in chosen:
                # The copy is confirmed first. An interruption leaves the message in both queues.
                await send_copy(topology, message, topology.queue, {})
                await message.ack()
        return len(chosen)

    async def discard(self, is_chosen: Callable[[DeadLetter], bool]) -> int:
        async with self._messages() as messages:
            chosen = [message for message in messages if is_chosen(_describe(message))]
            for message in chosen:
                await message.ack()
        return len(chosen)

    @asynccontextmanager
    async def _messages(self) -> AsyncIterator[list[AbstractIncomingMessage]]:
        """Get all messages. The unacknowledged ones return to the queue with the channel's end."""
        topology = self.declarer.topology
        async with self.broker.connect(f"{topology.name} dead letters") as connection:
            await self.declarer.declare_all(connection)
            channel = await open_channel(connection)
            queue = await channel.get_queue(topology.dead_queue)
            messages = []
            while message := await queue.get(fail=False, timeout=PUBLISH_TIMEOUT_SECONDS):
                messages.append(message)
            yield messages


def _describe(message: AbstractIncomingMessage) -> DeadLetter:
    headers = message.headers
    return DeadLetter(
        event_id=message.message_id or "",
        event_type=message.type or "",
        # The broker gives a reason of its own for a message that it dead-lettered itself.
        reason=str(headers.get(REASON, headers.get("x-first-death-reason", ""))),
        error=str(headers.get(ERROR, "")),
        attempts=attempt_of(message),
        first_seen=str(headers.get(FIRST_SEEN, "")),
    )
