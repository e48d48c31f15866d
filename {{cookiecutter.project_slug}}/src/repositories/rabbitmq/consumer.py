"""The consumer on RabbitMQ. It acknowledges a message once its effect, or a copy, is stored."""

import asyncio
import random
from contextlib import suppress
from dataclasses import dataclass, field

import structlog
from aio_pika.abc import AbstractConnection, AbstractIncomingMessage
from aio_pika.exceptions import CONNECTION_EXCEPTIONS

from src.repositories.outbox.redelivery import RedeliveryGrace
from src.repositories.rabbitmq import failures
from src.repositories.rabbitmq.connection import (
    CONNECT_TIMEOUT_SECONDS,
    PUBLISH_TIMEOUT_SECONDS,
    RabbitMQBroker,
    open_channel,
    until_silent,
)
from src.repositories.rabbitmq.declarer import Declarer
from src.usecases.errors import UnavailableError
from src.usecases.ports.messaging import EventConsumer, MessageHandler, PermanentError
from src.utils.attempts import pause, retry_seconds

log = structlog.get_logger()

FIRST_BACKOFF_SECONDS = 0.25
MAX_BACKOFF_SECONDS = 5.0


@dataclass(kw_only=True)
class RabbitMQConsumer(EventConsumer):
    """Passes the messages of the worker's queue to the handler, `concurrency` at a time."""

    broker: RabbitMQBroker
    declarer: Declarer
    handle: MessageHandler
    concurrency: int
    handler_timeout_seconds: float
    is_consuming: bool = field(default=False, init=False)
    _stop: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _in_flight: set[asyncio.Task[None]] = field(default_factory=set, init=False)
    _redelivered: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)
    _backoff_seconds: float = field(default=FIRST_BACKOFF_SECONDS, init=False)
    _grace: RedeliveryGrace = field(default_factory=RedeliveryGrace, init=False)

    async def run(self, stop: asyncio.Event) -> None:
        self._stop = stop
        while not stop.is_set():
            seconds = self._backoff_seconds * random.uniform(0.5, 1)  # noqa: S311
            try:
                async with self.broker.connect(self.declarer.topology.queue) as connection:
                    await self.declarer.declare_all(connection)
                    await self._consume(connection)
            except UnavailableError as error:
                seconds = retry_seconds(error, "broker_unavailable", seconds)
            self.is_consuming = False
            await pause(stop, seconds)
            self._backoff_seconds = min(self._backoff_seconds * 2, MAX_BACKOFF_SECONDS)
        await self._finish()

    async def _consume(self, connection: AbstractConnection) -> None:
        """Consume until the channel is lost, or until `stop` and every message is settled."""
        channel = await open_channel(connection)
        lost = asyncio.Event()
        async with asyncio.timeout(CONNECT_TIMEOUT_SECONDS):
            channel.close_callbacks.add(lambda *_: lost.set())
            underlay = await channel.get_underlay_channel()
            underlay.on_consumer_cancel_callbacks.add(lambda *_: lost.set())
            await channel.set_qos(prefetch_count=self.concurrency)
            queue = await channel.get_queue(self.declarer.topology.queue, ensure=False)
            tag = await queue.consume(self._start)
        self.is_consuming = True
        self._grace.connected()
        self._backoff_seconds = FIRST_BACKOFF_SECONDS
        log.info("consuming", queue=queue.name)
        binding = asyncio.create_task(self.declarer.bind_foreign_exchanges(connection))
        ends = (self._stop.wait(), lost.wait(), until_silent(channel, self.concurrency))
        waiting = [asyncio.create_task(end) for end in ends]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in (binding, *waiting):
            task.cancel()
        if lost.is_set() or waiting[-1].done():
            self._grace.lost()
        else:
            async with asyncio.timeout(PUBLISH_TIMEOUT_SECONDS):
                await queue.cancel(tag)
            await self._finish()

    async def _start(self, message: AbstractIncomingMessage) -> None:
        task = asyncio.create_task(self._settle(message))
        self._in_flight.add(task)
        task.add_done_callback(self._in_flight.discard)

    async def _finish(self) -> None:
        while self._in_flight:
            await asyncio.wait(self._in_flight)

    async def _settle(self, message: AbstractIncomingMessage) -> None:
        structlog.contextvars.bind_contextvars(
            event_id=message.message_id,
            event_type=message.type,
            request_id=message.correlation_id,
            attempt=failures.attempt_of(message),
        )
        try:
            if message.redelivered:
                await self._handle_redelivered(message)
            else:
                await self._handle(message)
        except Exception as error:  # noqa: BLE001  the channel is lost, or this code has a fault
            log.warning("event_not_acknowledged", error=repr(error))
            # The broker redelivers the message when its channel is closed.
            with suppress(*CONNECTION_EXCEPTIONS):
                await message.channel.close()

    async def _handle(self, message: AbstractIncomingMessage) -> None:
        try:
            await self._run_handler(message)
        except PermanentError as error:
            await failures.reject(self.declarer.topology, message, error)
        except Exception as error:  # noqa: BLE001  no error of a handler may lose the message
            await failures.retry(self.declarer.topology, message, error)
        await message.ack()

    async def _handle_redelivered(self, message: AbstractIncomingMessage) -> None:
        """Handle a message that an earlier delivery did not settle, after storing its next attempt.

        It may be poison that kills its worker, unless only the connection was lost. So redelivered
        messages are handled one at a time, and each counts as an attempt before its handler runs:
        a death costs one of them an attempt. After a success the inbox makes it harmless.
        """
        async with self._redelivered:
            if self._stop.is_set():
                return  # the broker redelivers it to another worker
            if self._grace.is_open():
                await self._handle(message)
                return
            was_last = await failures.retry_unanswered(self.declarer.topology, message)
            await message.ack()
            if not was_last:
                try:
                    await self._run_handler(message)
                except Exception as error:  # the stored attempt handles it again
                    log.warning("redelivered_event_failed", exc_info=error)

    async def _run_handler(self, message: AbstractIncomingMessage) -> None:
        async with asyncio.timeout(self.handler_timeout_seconds):
            await self.handle(message.body)
