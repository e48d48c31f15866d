"""Consuming from RabbitMQ: a message is answered only when its outcome is safe."""

import asyncio
import random
from contextlib import suppress

import structlog
from aio_pika.abc import AbstractConnection, AbstractIncomingMessage

from src.repositories.rabbitmq.connection import (
    BROKER_ERRORS,
    CONNECT_TIMEOUT_SECONDS,
    RabbitMQBroker,
    close,
    confirmed_channel,
)
from src.repositories.rabbitmq.failures import FailureRoutes, attempt_of
from src.repositories.rabbitmq.topology import Topology
from src.usecases.ports.event_publisher import BrokerUnavailableError
from src.usecases.ports.message_handler import MessageHandler, PermanentError

log = structlog.get_logger()

FIRST_BACKOFF_SECONDS = 0.25
MAX_BACKOFF_SECONDS = 5.0


class RabbitMQConsumer:
    """Feeds the worker's queue to a handler, many messages at a time."""

    def __init__(
        self,
        broker: RabbitMQBroker,
        topology: Topology,
        handle: MessageHandler,
        *,
        concurrency: int,
        handler_timeout_seconds: float,
    ) -> None:
        self._broker = broker
        self._topology = topology
        self._handle = handle
        self._concurrency = concurrency
        self._handler_timeout_seconds = handler_timeout_seconds
        self._in_flight: set[asyncio.Task[None]] = set()
        self.is_consuming = False

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until `stop` is set, connecting again whenever the connection is lost.

        Messages in flight are finished before it returns.
        """
        backoff = FIRST_BACKOFF_SECONDS
        while not stop.is_set():
            try:
                connection = await self._broker.connect(f"{self._topology.name} consumer")
                try:
                    await self._consume(connection, stop)
                finally:
                    await close(connection)
            except (BrokerUnavailableError, *BROKER_ERRORS) as error:
                log.warning("broker_unavailable", error=str(error), retry_in_seconds=backoff)
            backoff = FIRST_BACKOFF_SECONDS if self.is_consuming else backoff * 2
            self.is_consuming = False
            backoff = min(backoff, MAX_BACKOFF_SECONDS)
            await _first_of(stop, seconds=backoff * random.uniform(0.5, 1.0))  # noqa: S311
        await self._finish_in_flight()

    async def _consume(self, connection: AbstractConnection, stop: asyncio.Event) -> None:
        """Consume on this connection until it is lost, or stopped and all in flight is answered."""
        lost = asyncio.Event()
        async with asyncio.timeout(CONNECT_TIMEOUT_SECONDS):
            channel = await confirmed_channel(connection)
            channel.close_callbacks.add(lambda *_: lost.set())
            underlay = await channel.get_underlay_channel()
            underlay.on_consumer_cancel_callbacks.add(lambda *_: lost.set())
            await channel.set_qos(prefetch_count=self._concurrency)
            _, queue = await self._topology.declare(channel)
            failures = FailureRoutes(channel, self._topology)
            tag = await queue.consume(lambda message: self._on_message(message, failures))
        self.is_consuming = True
        log.info("consuming", queue=queue.name)
        await _first_of(stop, lost)
        if not lost.is_set():
            await queue.cancel(tag)
            await self._finish_in_flight()

    async def _on_message(self, message: AbstractIncomingMessage, failures: FailureRoutes) -> None:
        answer = asyncio.create_task(self._answer(message, failures))
        self._in_flight.add(answer)
        answer.add_done_callback(self._in_flight.discard)

    async def _answer(self, message: AbstractIncomingMessage, failures: FailureRoutes) -> None:
        """Handle the message and acknowledge it once its outcome is stored somewhere."""
        with structlog.contextvars.bound_contextvars(
            event_id=message.message_id,
            event_type=message.type,
            request_id=message.correlation_id,
            attempt=attempt_of(message),
        ):
            try:
                try:
                    async with asyncio.timeout(self._handler_timeout_seconds):
                        await self._handle(message.body)
                except PermanentError as error:
                    await failures.bury(message, error.reason, error)
                except Exception as error:  # noqa: BLE001  whatever it was, the message must not be lost
                    await failures.retry(message, error)
                await message.ack()
            except BROKER_ERRORS as error:
                log.warning("message_not_answered", error=str(error))
                # Without an answer it stays with this channel; closing that gives it out again.
                with suppress(*BROKER_ERRORS):
                    await message.channel.close()

    async def _finish_in_flight(self) -> None:
        if self._in_flight:
            await asyncio.wait(self._in_flight)


async def _first_of(*events: asyncio.Event, seconds: float | None = None) -> None:
    """Return when one of the events is set, or after so many seconds."""
    waiting = [asyncio.create_task(event.wait()) for event in events]
    await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()
