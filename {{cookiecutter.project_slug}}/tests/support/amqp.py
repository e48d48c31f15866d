"""Looking into queues and putting messages there, past everything that is tested."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import uuid4

from aio_pika import DeliveryMode, Message
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage, HeadersType

from src.repositories.rabbitmq.connection import RabbitMQBroker
from src.repositories.rabbitmq.topology import Topology
from tests.support.topologies import queues_of
from tests.support.waiting import eventually


@dataclass(frozen=True)
class Queues:
    """The queues of one topology."""

    channel: AbstractChannel
    topology: Topology

    async def send(
        self,
        body: bytes = b"{}",
        *,
        headers: HeadersType | None = None,
        event_type: str = "user.registered.v1",
        request_id: str | None = None,
        queue: str | None = None,
    ) -> str:
        """Publish an event as the service would, or straight to a queue, and return its id."""
        message = Message(
            body,
            message_id=str(uuid4()),
            type=event_type,
            correlation_id=request_id,
            content_type="application/cloudevents+json",
            delivery_mode=DeliveryMode.PERSISTENT,
            headers=headers,
        )
        if queue is None:
            exchange = await self.channel.get_exchange(self.topology.exchange)
            await exchange.publish(message, event_type)
        else:
            await self.channel.default_exchange.publish(message, queue)
        return str(message.message_id)

    async def count(self, name: str) -> int:
        """Return how many messages are ready in a queue."""
        queue = await self.channel.declare_queue(name, passive=True)
        return queue.declaration_result.message_count or 0

    async def take(self, name: str, seconds: float = 20) -> AbstractIncomingMessage:
        """Return the next message of a queue, which it leaves; wait for it if need be."""
        queue = await self.channel.get_queue(name)
        message = await eventually(lambda: queue.get(fail=False), seconds)
        assert message is not None
        await message.ack()
        return message

    async def purge(self) -> None:
        """Delete every message."""
        for name in queues_of(self.topology):
            await (await self.channel.get_queue(name)).purge()


@asynccontextmanager
async def looking_into(broker: RabbitMQBroker, topology: Topology) -> AsyncIterator[Queues]:
    """Look into the queues of a topology while the context is open."""
    async with broker.channel("tests") as channel:
        yield Queues(channel, topology)
