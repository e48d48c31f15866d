"""Moves messages into queues with the arguments and the bindings of this version.

The arguments of a queue cannot be changed. So its messages move to a temporary queue, the queue is
deleted and declared again, and the messages move back. The bindings move before the messages, so
each new message reaches a queue. The next run completes a run that was interrupted.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from aio_pika.abc import (
    AbstractChannel,
    AbstractConnection,
    AbstractIncomingMessage,
    AbstractQueue,
)
from aio_pika.exceptions import ChannelNotFoundEntity

from src.repositories.rabbitmq.connection import (
    PUBLISH_TIMEOUT_SECONDS,
    RabbitMQBroker,
    open_channel,
)
from src.repositories.rabbitmq.declarer import Declarer, bind, bounded_channel
from src.repositories.rabbitmq.failures import send_copy
from src.repositories.rabbitmq.topology import UNLIMITED, Binding, Queue, Topology

BATCH_SIZE = 100
CHECKS = 30
CHECK_SECONDS = 0.1


class QueueInUseError(Exception):
    """A worker consumes the queue, or another command reads it."""


@dataclass(frozen=True, kw_only=True)
class QueueMover:
    """Replaces queues. No message is lost; one that arrives during the move may be doubled."""

    broker: RabbitMQBroker
    declarer: Declarer

    @property
    def _topology(self) -> Topology:
        return self.declarer.topology

    async def move(self) -> dict[str, int]:
        """Replace each queue that differs, and the worker's queue to remove former bindings.

        Returns the number of messages in each replaced queue. Raises `QueueInUseError` while a
        worker consumes.
        """
        moved = {}
        async with self.broker.connect(f"{self._topology.name} move-queue") as connection:
            await _refuse_consumers(connection, self._topology.queue)
            await self.declarer.declare_all(connection)
            # A right that is missing fails here, before any change.
            await _bind_existing(connection, self._topology.queue, self._topology.foreign)
            for queue in self._topology.queues:
                is_right = await self.declarer.declare_queue(connection, queue)
                temporary = f"{queue.name}.moving"
                was_interrupted = await consumers_of(connection, temporary) is not None
                if not is_right or was_interrupted or queue.name == self._topology.queue:
                    moved[queue.name] = await self._replace(connection, queue, temporary)
        return moved

    async def _replace(self, connection: AbstractConnection, queue: Queue, name: str) -> int:
        await _refuse_consumers(connection, queue.name)
        is_worker_s = queue.name == self._topology.queue
        bindings = [*queue.bindings, *(self._topology.foreign if is_worker_s else ())]
        temporary = self._topology.bound_by_name(name, {"x-delivery-limit": UNLIMITED})
        await self.declarer.declare_queue(connection, temporary)
        await _rebind(connection, bindings, source=queue.name, target=temporary.name)
        channel = await open_channel(connection)
        await self._drain(channel, queue.name, temporary.name)
        await _refuse_consumers(connection, queue.name)
        await channel.queue_delete(queue.name)
        await self.declarer.declare_queue(connection, queue)
        await _rebind(connection, bindings, source=temporary.name, target=queue.name)
        moved = await self._drain(channel, temporary.name, queue.name)
        await channel.queue_delete(temporary.name)
        return moved

    async def _drain(self, channel: AbstractChannel, source: str, target: str) -> int:
        """Move all messages, each one removed after the broker has stored its copy."""
        queue = await channel.get_queue(source)
        moved = 0
        while messages := await _take(queue):
            copies = [send_copy(self._topology, it, target, it.headers) for it in messages]
            await asyncio.gather(*copies)
            await messages[-1].ack(multiple=True)
            moved += len(messages)
        return moved


async def _take(queue: AbstractQueue) -> list[AbstractIncomingMessage]:
    messages: list[AbstractIncomingMessage] = []
    while len(messages) < BATCH_SIZE:
        message = await queue.get(fail=False, timeout=PUBLISH_TIMEOUT_SECONDS)
        if message is None:
            break
        messages.append(message)
    return messages


async def _refuse_consumers(connection: AbstractConnection, name: str) -> None:
    """Return if no consumer is connected to a queue.

    A quorum queue counts a message that a client has got as a consumer, until it has processed the
    acknowledgement.
    """
    for _ in range(CHECKS):
        consumers = await consumers_of(connection, name)
        if not consumers:
            return
        await asyncio.sleep(CHECK_SECONDS)
    raise QueueInUseError(f"{name} has {consumers} consumers: stop the workers first.")


async def consumers_of(connection: AbstractConnection, name: str) -> int | None:
    """Return the number of consumers of a queue, or None if there is no such queue."""
    with suppress(ChannelNotFoundEntity):
        async with bounded_channel(connection) as channel:
            queue = await channel.declare_queue(name, passive=True)
            return queue.declaration_result.consumer_count
    return None


async def _bind_existing(
    connection: AbstractConnection, name: str, bindings: Sequence[Binding]
) -> None:
    """Bind a queue. An exchange of another service that does not exist yet is left out."""
    for binding in bindings:
        with suppress(ChannelNotFoundEntity):
            await bind(connection, name, [binding])


async def _rebind(
    connection: AbstractConnection, bindings: Sequence[Binding], *, source: str, target: str
) -> None:
    """Bind one queue in place of another. For a moment both have a binding, so none is missing."""
    for binding in bindings:
        await _bind_existing(connection, target, [binding])
        async with bounded_channel(connection) as channel:
            queue = await channel.get_queue(source, ensure=False)
            await queue.unbind(*binding)
