"""The exchange and the queues of a topology, used past the code under test."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import uuid4

from aio_pika import DeliveryMode, Message
from aio_pika.abc import (
    AbstractChannel,
    AbstractConnection,
    AbstractIncomingMessage,
    HeadersType,
)

from src.repositories.rabbitmq.connection import RabbitMQBroker, open_channel
from src.repositories.rabbitmq.declarer import Declarer
from src.repositories.rabbitmq.mover import consumers_of
from src.repositories.rabbitmq.topology import Topology
from tests.machinery.support.messages import EVENT_TYPE
from tests.support.waiting import eventually


@dataclass(frozen=True, kw_only=True)
class Queues:
    """The queues of one topology."""

    connection: AbstractConnection
    channel: AbstractChannel
    topology: Topology

    @property
    def names(self) -> list[str]:
        """The names of all queues."""
        retries = [self.topology.retry_queue(delay) for delay in self.topology.retry_delays]
        return [self.topology.queue, *retries, self.topology.dead_queue]

    async def send(  # noqa: PLR0913  each is a property of the message
        self,
        body: bytes = b'{"data":"one"}',
        *,
        event_id: str | None = None,
        event_type: str = EVENT_TYPE,
        request_id: str | None = None,
        headers: HeadersType | None = None,
        queue: str | None = None,
    ) -> str:
        """Publish a message directly to a queue, by default the worker's, and return its id."""
        message = Message(
            body,
            message_id=event_id or str(uuid4()),
            type=event_type,
            correlation_id=request_id,
            content_type="application/cloudevents+json",
            delivery_mode=DeliveryMode.PERSISTENT,
            headers=headers,
        )
        exchange = await self.channel.get_exchange(self.topology.queues_exchange, ensure=False)
        await exchange.publish(message, queue or self.topology.queue)
        return str(message.message_id)

    async def count(self, name: str) -> int:
        """Return the number of messages that are ready in a queue."""
        queue = await self.channel.declare_queue(name, passive=True)
        return queue.declaration_result.message_count or 0

    async def consumers(self, name: str) -> int | None:
        """Return the number of consumers of a queue, or None if there is no such queue."""
        return await consumers_of(self.connection, name)

    async def replace_by_a_former_one(self, name: str) -> None:
        """Replace a queue by one with other arguments, as a former version may have declared."""
        await self.channel.queue_delete(name)
        arguments: HeadersType = {"x-queue-type": "quorum", "x-delivery-limit": 77}
        queue = await self.channel.declare_queue(name, durable=True, arguments=arguments)
        await queue.bind(self.topology.queues_exchange, name)

    async def take(self, name: str, seconds: float = 20) -> AbstractIncomingMessage:
        """Wait for the next message of a queue, remove it and return it."""
        queue = await self.channel.get_queue(name)
        message = await eventually(lambda: queue.get(fail=False), seconds)
        assert message is not None
        await message.ack()
        return message

    async def purge(self) -> None:
        """Delete every message."""
        for name in self.names:
            await (await self.channel.get_queue(name)).purge()

    async def declare(self) -> None:
        """Declare what the consumer needs."""
        await Declarer(topology=self.topology).declare_all(self.connection)

    async def delete(self) -> None:
        """Delete the exchanges and the queues. RabbitMQ ignores those that do not exist."""
        for exchange in (self.topology.exchange, self.topology.queues_exchange):
            await self.channel.exchange_delete(exchange)
        for name in self.names:
            await self.channel.queue_delete(name)
            await self.channel.queue_delete(f"{name}.moving")


@asynccontextmanager
async def open_queues(broker: RabbitMQBroker, topology: Topology) -> AsyncIterator[Queues]:
    """Open a channel to the queues of a topology."""
    async with broker.connect("tests") as connection:
        channel = await open_channel(connection)
        yield Queues(connection=connection, channel=channel, topology=topology)


@asynccontextmanager
async def declared(broker: RabbitMQBroker, topology: Topology) -> AsyncIterator[None]:
    """Declare the topology, and delete it when the context is left.

    It keeps no connection: the event loop sends no heartbeat while tests without a loop run.
    """
    async with open_queues(broker, topology) as queues:
        await queues.declare()
    try:
        yield
    finally:
        async with open_queues(broker, topology) as queues:
            await queues.delete()
