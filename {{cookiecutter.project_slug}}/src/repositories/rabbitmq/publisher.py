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
    translated_errors,
)
from src.repositories.rabbitmq.topology import Topology
from src.usecases.ports.publishing import OutboxMessage, PublishError


class RabbitMQEventPublisher:
    """The events exchange; connects when first used and again after a failure.

    Its port is `EventPublisher`.
    """

    def __init__(self, broker: RabbitMQBroker, topology: Topology) -> None:
        self._broker = broker
        self._topology = topology
        self._connection: AbstractConnection | None = None
        self._channel: AbstractChannel | None = None
        self._exchange: AbstractExchange | None = None

    async def connect(self) -> None:
        if self._channel is not None and not self._channel.is_closed:
            return
        await self.aclose()
        self._connection = await self._broker.connect(f"{self._topology.name} relay")
        with translated_errors():
            async with asyncio.timeout(CONNECT_TIMEOUT_SECONDS):
                channel = await confirmed_channel(self._connection)
                self._exchange, _ = await self._topology.declare(channel)
                self._channel = channel

    async def publish(self, message: OutboxMessage) -> None:
        channel, exchange = self._channel, self._exchange
        if channel is None or exchange is None:
            raise PublishError("The channel was given up after an earlier failure.")
        try:
            await exchange.publish(
                _to_amqp(message), message.event_type, timeout=PUBLISH_TIMEOUT_SECONDS
            )
        except (DeliveryError, *BROKER_ERRORS) as error:
            # A returned or refused message leaves the channel sound. After anything else the
            # broker may be stuck, and the next attempt is not to wait behind this one.
            if not isinstance(error, DeliveryError) and self._channel is channel:
                self._channel = None
            raise PublishError(f"{type(error).__name__}: {error}") from error

    async def aclose(self) -> None:
        connection = self._connection
        self._connection = self._channel = self._exchange = None
        if connection is not None:
            await close(connection)


def _to_amqp(message: OutboxMessage) -> Message:
    """Return CloudEvents' structured mode: the whole event in the body. It is kept on disk."""
    return Message(
        orjson.dumps(message.envelope),
        message_id=str(message.event_id),
        correlation_id=message.envelope.get("requestid"),
        type=message.event_type,
        content_type="application/cloudevents+json",
        delivery_mode=DeliveryMode.PERSISTENT,
    )
