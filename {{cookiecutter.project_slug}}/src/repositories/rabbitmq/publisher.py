"""Publishing to RabbitMQ so that "published" is true: persistent, mandatory, confirmed."""

import asyncio

import orjson
from aio_pika import DeliveryMode, Message
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractExchange
from aio_pika.exceptions import DeliveryError

from src.repositories.rabbitmq.connection import (
    BROKER_ERRORS,
    CONNECT_TIMEOUT_SECONDS,
    PUBLISH_TIMEOUT_SECONDS,
    RabbitMQBroker,
    close,
    confirmed_channel,
)
from src.repositories.rabbitmq.topology import Topology
from src.usecases.ports.event_publisher import BrokerUnavailableError, PublishError
from src.usecases.ports.outbox import OutboxMessage

CONTENT_TYPE = "application/cloudevents+json"


class RabbitMQEventPublisher:
    """The events exchange. Connects when first used, and again after a failure."""

    def __init__(self, broker: RabbitMQBroker, topology: Topology) -> None:
        self._broker = broker
        self._topology = topology
        self._connection: AbstractConnection | None = None
        self._channel: AbstractChannel | None = None
        self._exchange: AbstractExchange | None = None

    async def connect(self) -> None:
        """Have an open channel and a declared topology, or raise `BrokerUnavailableError`."""
        if self._channel is not None and not self._channel.is_closed:
            return
        await self.aclose()
        self._connection = await self._broker.connect(f"{self._topology.name} relay")
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_SECONDS):
                self._channel = await confirmed_channel(self._connection)
                self._exchange, _ = await self._topology.declare(self._channel)
        except BROKER_ERRORS as error:
            await self.aclose()
            raise BrokerUnavailableError(f"{type(error).__name__}: {error}") from error

    async def publish(self, message: OutboxMessage) -> None:
        """Return once the broker has stored the event in every queue bound to its type."""
        channel, exchange = self._channel, self._exchange
        if channel is None or exchange is None:
            raise PublishError("The channel was given up after an earlier failure.")
        try:
            await exchange.publish(
                to_message(message),
                routing_key=message.event_type,
                mandatory=True,
                timeout=PUBLISH_TIMEOUT_SECONDS,
            )
        except DeliveryError as error:  # returned or refused: the channel is sound
            raise PublishError(f"{type(error).__name__}: {error}") from error
        except BROKER_ERRORS as error:
            # The broker may be stuck: the next attempt is not to wait behind this one.
            if self._channel is channel:
                self._channel = None
            raise PublishError(f"{type(error).__name__}: {error}") from error

    async def aclose(self) -> None:
        """Close the connection."""
        connection = self._connection
        self._connection = self._channel = self._exchange = None
        if connection is not None:
            await close(connection)


def to_message(message: OutboxMessage) -> Message:
    """Return the AMQP message of an event: CloudEvents' structured mode, kept on disk."""
    return Message(
        orjson.dumps(message.envelope),
        message_id=str(message.event_id),
        correlation_id=message.envelope.get("requestid"),
        type=message.event_type,
        content_type=CONTENT_TYPE,
        delivery_mode=DeliveryMode.PERSISTENT,
    )
