"""Consuming from RabbitMQ: a message is answered only when its outcome is stored somewhere."""

import asyncio
import random
from contextlib import suppress
from dataclasses import dataclass, field

import structlog
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage
from aio_pika.exceptions import CONNECTION_EXCEPTIONS

from src.repositories.rabbitmq.connection import (
    CONNECT_TIMEOUT_SECONDS,
    PUBLISH_TIMEOUT_SECONDS,
    RabbitMQBroker,
)
from src.repositories.rabbitmq.failures import attempt_of, bury, retry
from src.repositories.rabbitmq.topology import Topology
from src.usecases.ports.messaging import MessageHandler, PermanentError, UnavailableError

log = structlog.get_logger()

FIRST_BACKOFF_SECONDS = 0.25
MAX_BACKOFF_SECONDS = 5.0
DELIVERY_COUNT = "x-delivery-count"
"""How often the broker has delivered a message without getting an answer."""


class UnansweredError(Exception):
    """The worker died with this message in hand, or lost its connection."""


@dataclass
class RabbitMQConsumer:
    """Feeds the worker's queue to a handler, many messages at a time.

    Its port is `EventConsumer`.
    """

    broker: RabbitMQBroker
    topology: Topology
    handle: MessageHandler
    concurrency: int
    handler_timeout_seconds: float
    is_consuming: bool = field(default=False, init=False)
    _stop: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _in_flight: set[asyncio.Task[None]] = field(default_factory=set, init=False)
    _suspects: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    async def run(self, stop: asyncio.Event) -> None:
        self._stop, backoff = stop, FIRST_BACKOFF_SECONDS
        while not stop.is_set():
            try:
                async with self.broker.channel(f"{self.topology.name} consumer") as channel:
                    await self._consume(channel)
            except UnavailableError as error:
                log.warning("broker_unavailable", error=str(error), retry_in_seconds=backoff)
            backoff = FIRST_BACKOFF_SECONDS if self.is_consuming else backoff * 2
            self.is_consuming = False
            backoff = min(backoff, MAX_BACKOFF_SECONDS)
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), backoff * random.uniform(0.5, 1))  # noqa: S311
        await self._finish()

    async def _consume(self, channel: AbstractChannel) -> None:
        """Consume on this channel until it is lost, or stopped and all in flight is answered."""
        lost = asyncio.Event()
        async with asyncio.timeout(CONNECT_TIMEOUT_SECONDS):
            channel.close_callbacks.add(lambda *_: lost.set())
            underlay = await channel.get_underlay_channel()
            underlay.on_consumer_cancel_callbacks.add(lambda *_: lost.set())
            await channel.set_qos(prefetch_count=self.concurrency)
            _, queue = await self.topology.declare(channel)
            tag = await queue.consume(self._start)
        self.is_consuming = True
        log.info("consuming", queue=queue.name)
        waiting = [asyncio.create_task(event.wait()) for event in (self._stop, lost)]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()
        if not lost.is_set():
            async with asyncio.timeout(PUBLISH_TIMEOUT_SECONDS):
                await queue.cancel(tag)
            await self._finish()

    async def _start(self, message: AbstractIncomingMessage) -> None:
        task = asyncio.create_task(self._answer(message))
        self._in_flight.add(task)
        task.add_done_callback(self._in_flight.discard)

    async def _finish(self) -> None:
        while self._in_flight:
            await asyncio.wait(self._in_flight)

    async def _answer(self, message: AbstractIncomingMessage) -> None:
        """Handle the message, and acknowledge it once its effect or its copy is stored."""
        structlog.contextvars.bind_contextvars(
            event_id=message.message_id,
            event_type=message.type,
            request_id=message.correlation_id,
            attempt=attempt_of(message),
        )
        try:
            if message.headers.get(DELIVERY_COUNT):
                await self._handle_suspect(message)
            else:
                await self._handle(message)
        except Exception as error:  # noqa: BLE001  the broker is gone, or a fault of ours
            log.warning("event_not_answered", error=repr(error))
            # Unanswered, it stays with this channel; closing that has it delivered again.
            with suppress(*CONNECTION_EXCEPTIONS):
                await message.channel.close()

    async def _handle(self, message: AbstractIncomingMessage) -> None:
        try:
            await self._run_handler(message)
        except PermanentError as error:
            await bury(self.topology, message, error.reason, error)
        except Exception as error:  # noqa: BLE001  whatever it was, the message is not lost
            await retry(self.topology, message, error)
        await message.ack()

    async def _handle_suspect(self, message: AbstractIncomingMessage) -> None:
        """Handle a message that a worker held when it died or lost its connection.

        If it is what killed that worker, it must not take those held beside it along for ever: such
        messages are handled one at a time, each only after a copy of it waits as the next attempt.
        The copy of one that is handled after all finds its effect in the inbox.
        """
        async with self._suspects:
            if self._stop.is_set():
                return  # unanswered: it comes again, to another worker
            was_last = await retry(self.topology, message, UnansweredError())
            await message.ack()
            if not was_last:
                try:
                    await self._run_handler(message)
                except Exception as error:  # the copy is its next attempt
                    log.warning("suspect_failed", exc_info=error)

    async def _run_handler(self, message: AbstractIncomingMessage) -> None:
        async with asyncio.timeout(self.handler_timeout_seconds):
            await self.handle(message.body)
