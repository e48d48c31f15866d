"""Exchanges and queues under a name of their own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aio_pika.abc import AbstractChannel

from src.repositories.rabbitmq.connection import RabbitMQBroker
from src.repositories.rabbitmq.topology import Topology


def queues_of(topology: Topology) -> list[str]:
    """Return the names of all queues of a topology."""
    retries = [topology.retry_queue(delay) for delay in topology.retry_delays]
    return [topology.queue, *retries, topology.dead_queue]


async def delete_topology(channel: AbstractChannel, topology: Topology) -> None:
    """Delete an exchange and its queues; those that do not exist are no error to RabbitMQ."""
    await channel.exchange_delete(topology.exchange)
    for queue in queues_of(topology):
        await channel.queue_delete(queue)


@asynccontextmanager
async def own_topology(broker: RabbitMQBroker, topology: Topology) -> AsyncIterator[None]:
    """Have the topology declared while the context is open."""
    async with broker.channel("tests") as channel:
        await topology.declare(channel)
        try:
            yield
        finally:
            await delete_topology(channel, topology)
