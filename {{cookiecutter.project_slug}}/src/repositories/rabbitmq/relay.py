"""The relay: it publishes the events of the outbox to the broker."""

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog
from aio_pika import DeliveryMode, Message
from aio_pika.abc import AbstractChannel, AbstractExchange
from aio_pika.exceptions import ChannelClosed, DeliveryError
from sqlalchemy import Row

from src.repositories.outbox import notify
from src.repositories.outbox.reader import OutboxReader
from src.repositories.rabbitmq.connection import (
    PUBLISH_TIMEOUT_SECONDS,
    RabbitMQBroker,
    open_channel,
)
from src.repositories.rabbitmq.declarer import Declarer
from src.usecases.errors import UnavailableError
from src.utils.attempts import pause, retry_seconds

log = structlog.get_logger()

BATCH_SIZE = 250
"""Large enough that the database takes a small part of the time of a batch."""


@dataclass(frozen=True, kw_only=True)
class OutboxRelay:
    """A job of the worker: publishes events, and deletes each one after the broker confirmed it.

    Delivery is at least once. A relay that dies between a confirm and its own commit leaves the
    event in the outbox, and another relay publishes it again.
    """

    outbox: OutboxReader
    listener: notify.OutboxListener
    broker: RabbitMQBroker
    declarer: Declarer

    async def run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                name = f"{self.declarer.topology.name} relay"
                async with self.broker.connect(name) as connection:
                    # The queues too: if only the queue of another service gets an event, the broker
                    # confirms it, and the worker of this service would never see it.
                    await self.declarer.declare_all(connection)
                    await self._relay(await open_channel(connection), stop)
            except UnavailableError as error:
                seconds = retry_seconds(error, "relay_waiting", notify.POLL_SECONDS)
                # Not on the listener: each commit would cause a connection attempt.
                await pause(stop, seconds)

    async def _relay(self, channel: AbstractChannel, stop: asyncio.Event) -> None:
        """Relay batches over this channel until it is lost, may be stuck, or `stop` is set."""
        exchange = await channel.get_exchange(self.declarer.topology.exchange, ensure=False)
        while not stop.is_set() and not channel.is_closed:
            errors = await self.outbox.relay(BATCH_SIZE, partial(_publish, exchange))
            if published := errors.count(None):
                log.info("events_published", count=published)
            for error in errors:  # a missing right is a refusal, and the caller waits longer
                if isinstance(error, ChannelClosed) and "ACCESS_REFUSED" in str(error):
                    raise error
            # A returned or refused message leaves the channel usable. After any other error the
            # broker may be stuck, and the next batch gets a new channel.
            if not all(isinstance(error, DeliveryError | None) for error in errors):
                return
            if len(errors) < BATCH_SIZE:  # the outbox is empty
                await self.listener.wait(notify.POLL_SECONDS)


async def _publish(exchange: AbstractExchange, event: Row[Any]) -> None:
    """Return once the broker has stored the event, in CloudEvents' structured mode."""
    message = Message(
        event.body.encode(),
        message_id=str(event.event_id),
        correlation_id=event.request_id,
        type=event.event_type,
        content_type="application/cloudevents+json",
        delivery_mode=DeliveryMode.PERSISTENT,
    )
    try:
        await exchange.publish(message, event.event_type, timeout=PUBLISH_TIMEOUT_SECONDS)
    except Exception as error:
        log.warning(
            "event_not_published",
            error=repr(error),
            event_id=message.message_id,
            event_type=event.event_type,
            request_id=event.request_id,
            attempt=event.attempts + 1,
        )
        raise
