"""Declares exchanges, queues and bindings, each on a channel of its own.

The broker closes a channel on which it refuses something. So a refusal stops nothing else.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import structlog
from aio_pika import ExchangeType
from aio_pika.abc import AbstractChannel, AbstractConnection
from aio_pika.exceptions import CONNECTION_EXCEPTIONS, ChannelClosed, ChannelPreconditionFailed

from src.repositories.rabbitmq.connection import (
    CONNECT_TIMEOUT_SECONDS,
    MISSING_EXCHANGE,
    RabbitMQBroker,
)
from src.repositories.rabbitmq.topology import Binding, Queue, Topology

log = structlog.get_logger()

LOOK_SECONDS = 5.0
"""How often the worker looks for an exchange of another service.

It looks often, because events that are published before the queue is bound do not reach it.
"""


@asynccontextmanager
async def bounded_channel(connection: AbstractConnection) -> AsyncIterator[AbstractChannel]:
    """Open a channel for one declaration, with a bound on the time of all its steps."""
    async with (
        asyncio.timeout(CONNECT_TIMEOUT_SECONDS),
        connection.channel(publisher_confirms=False) as channel,
    ):
        yield channel


async def bind(connection: AbstractConnection, name: str, bindings: Sequence[Binding]) -> None:
    """Bind a queue. An exchange that does not exist or may not be read raises `ChannelClosed`."""
    async with bounded_channel(connection) as channel:
        queue = await channel.get_queue(name, ensure=False)
        for exchange, routing_key in bindings:
            await queue.bind(exchange, routing_key)


async def declare_foreign_exchange(connection: AbstractConnection, name: str) -> None:
    """Declare the exchange of another service, if it is missing and the rights allow it."""
    with suppress(ChannelClosed):
        async with bounded_channel(connection) as channel:
            await channel.declare_exchange(name, ExchangeType.TOPIC, durable=True)


@dataclass(frozen=True, kw_only=True)
class Declarer:
    """Creates what is missing. What exists with other arguments is used as it is.

    A difference is logged once, because it lasts until `move-queue` has been run.
    """

    topology: Topology
    _reported: set[str] = field(default_factory=set, init=False)

    async def declare_all(self, connection: AbstractConnection) -> None:
        """Declare the exchanges of this service, and the queues with their bindings to them."""
        topology = self.topology
        await self._declare_exchange(connection, topology.exchange, ExchangeType.TOPIC)
        await self._declare_exchange(connection, topology.queues_exchange, ExchangeType.DIRECT)
        for queue in self.topology.queues:
            await self.declare_queue(connection, queue)

    async def check(self, broker: RabbitMQBroker) -> None:
        """Return if the broker answers and every exchange is there, else `UnavailableError`."""
        async with broker.channel("health check") as channel:
            for exchange, _ in self.topology.foreign:
                await channel.get_exchange(exchange)
            with suppress(ChannelPreconditionFailed):
                await channel.declare_exchange(
                    self.topology.exchange, ExchangeType.TOPIC, durable=True
                )

    async def declare_queue(self, connection: AbstractConnection, queue: Queue) -> bool:
        """Declare a queue and bind it. Return whether it has the right arguments."""
        is_right = True
        try:
            async with bounded_channel(connection) as channel:
                await channel.declare_queue(queue.name, durable=True, arguments={**queue.arguments})
        except ChannelPreconditionFailed as error:
            is_right = False
            self._report("queue_differs", queue=queue.name, error=error)
        await bind(connection, queue.name, queue.bindings)
        return is_right

    async def bind_foreign_exchanges(self, connection: AbstractConnection) -> None:
        """Bind the worker's queue to the exchanges of other services, once each one is there."""
        bindings = self.topology.foreign
        await asyncio.gather(*(self._bind_foreign(connection, binding) for binding in bindings))

    async def _bind_foreign(self, connection: AbstractConnection, binding: Binding) -> None:
        exchange, event_type = binding
        lines = log.bind(exchange=exchange, event_type=event_type)
        is_reported = False
        while True:
            try:
                await declare_foreign_exchange(connection, exchange)
                await bind(connection, self.topology.queue, [binding])
            except CONNECTION_EXCEPTIONS as error:
                if not is_reported:
                    lines.error("exchange_unavailable", error=f"{MISSING_EXCHANGE} ({error})")
                is_reported = True
                await asyncio.sleep(LOOK_SECONDS)
            else:
                lines.info("exchange_bound")
                return

    async def _declare_exchange(
        self, connection: AbstractConnection, name: str, exchange_type: ExchangeType
    ) -> None:
        try:
            async with bounded_channel(connection) as channel:
                await channel.declare_exchange(name, exchange_type, durable=True)
        except ChannelPreconditionFailed as error:
            self._report("exchange_differs", exchange=name, error=error)

    def _report(self, event: str, *, error: ChannelPreconditionFailed, **name: str) -> None:
        """Log a difference, with the argument that the broker names, unless it was logged."""
        text = str(error)
        if text not in self._reported:
            argument = re.search(r"arg '([^']+)'", text)
            log.error(event, **name, argument=argument and argument[1], error=text)
            self._reported.add(text)
