"""What the drivers share: the service's container, an empty database and queue, and events."""

# mypy: disable-error-code="import-not-found, import-untyped"
import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import islice
from typing import Any
from uuid import uuid4

import aio_pika
import orjson
import punq
from aio_pika.abc import AbstractExchange, AbstractQueue
from sqlalchemy import text
from src.config import load_settings
from src.container import build_container, open_resources
from src.domain.events import UserRegistered
from src.repositories.db.engine import Database
from src.repositories.db.events import to_envelope
from src.repositories.db.outbox import DBOutbox
from src.repositories.rabbitmq.connection import RabbitMQBroker
from src.usecases.ports.messaging import EventConsumer
from src.utils.logging import configure_logging
from src.wiring import Job

IN_FLIGHT = 250
CLEAR = text("TRUNCATE users, sessions, outbox_messages, processed_messages, notifications")


@dataclass
class Meter:
    """Times `count` things, after the first `warm_up` of them, by the clock and in CPU time."""

    warm_up: int
    count: int
    seen: int = 0
    done: asyncio.Event = field(default_factory=asyncio.Event)

    def tick(self, count: int = 1) -> None:
        """Count what is finished; no step may jump over the end of the warm-up."""
        self.seen += count
        if self.seen == self.warm_up:
            self.begun = time.perf_counter(), time.process_time()
        elif self.seen == self.warm_up + self.count:
            self.ended = time.perf_counter(), time.process_time()
            self.done.set()

    def result(self) -> dict[str, float]:
        """Give the rate, and this process's CPU time for one."""
        seconds, cpu = (end - begin for begin, end in zip(self.begun, self.ended, strict=True))
        return {"per_second": self.count / seconds, "cpu_ms": cpu / self.count * 1000}


@asynccontextmanager
async def open_service(*replaced: tuple[type, object]) -> AsyncIterator[punq.Container]:
    """Give the service's container with its resources open, logging as it always does.

    What is replaced is so before opening, which resolves every use case.
    """
    settings = load_settings()
    configure_logging(settings.app.log_level)
    container = build_container(settings)
    for port, instance in replaced:
        container.register(port, instance=instance)
    async with open_resources(container):
        transaction = container.resolve(Database).transaction()
        await transaction.execute(CLEAR)
        await transaction.commit()
        await transaction.aclose()
        yield container


@asynccontextmanager
async def open_topology(
    container: punq.Container,
) -> AsyncIterator[tuple[AbstractExchange, AbstractQueue]]:
    """Give the events exchange and the worker's queue, with every queue emptied."""
    topology = container.resolve(EventConsumer).topology
    async with container.resolve(RabbitMQBroker).channel("bench") as channel:
        exchange, queue = await topology.declare(channel)
        retries = map(topology.retry_queue, topology.retry_delays)
        for name in (topology.queue, topology.dead_queue, *retries):
            await (await channel.get_queue(name)).purge()
        yield exchange, queue


async def relay_all(container: punq.Container, meter: Meter) -> None:
    """Have the service's relay drain the outbox until the meter has seen enough."""
    relay, stop = container.resolve(Job), asyncio.Event()
    running = asyncio.create_task(replace(relay, outbox=_Metered(relay.outbox, meter)).run(stop))
    await meter.done.wait()
    stop.set()
    relay.listener.wake()
    await running


@dataclass(frozen=True)
class _Metered:
    """Tells a meter how many events have left the outbox."""

    outbox: DBOutbox
    meter: Meter

    async def relay(
        self, limit: int, publish: Callable[[object], Awaitable[None]]
    ) -> list[BaseException | None]:
        """Relay a batch and count it."""
        errors: list[BaseException | None] = await self.outbox.relay(limit, publish)
        self.meter.tick(len(errors))
        return errors


def make_events(count: int) -> list[UserRegistered]:
    """Make events as registering makes them."""
    users = [uuid4() for _ in range(count)]
    return [
        UserRegistered(
            aggregate_id=user,
            aggregate_version=1,
            occurred_at=datetime.now(UTC),
            user_id=user,
            email=f"{user.hex}@example.com",
        )
        for user in users
    ]


def to_body(event: UserRegistered) -> bytes:
    """Give the bytes that the service publishes for an event."""
    return bytes(orjson.dumps(to_envelope(event, "bench")))


async def publish(
    exchange: AbstractExchange, events: Sequence[UserRegistered], bodies: Sequence[bytes]
) -> None:
    """Publish by hand: gathered, with confirms, persistent and mandatory."""
    pairs = iter(zip(events, bodies, strict=True))
    while batch := list(islice(pairs, IN_FLIGHT)):
        await asyncio.gather(*(_publish_one(exchange, event, body) for event, body in batch))


async def _publish_one(exchange: AbstractExchange, event: UserRegistered, body: bytes) -> None:
    message = aio_pika.Message(
        body,
        message_id=str(event.event_id),
        type=event.name,
        content_type="application/cloudevents+json",
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
    )
    await exchange.publish(message, event.name, mandatory=True)


async def check_depth(queue: AbstractQueue, expected: int) -> None:
    """Refuse a result that was reached without doing the work."""
    found = (await queue.declare()).message_count
    if found != expected:
        sys.exit(f"The queue {queue.name} holds {found} messages instead of {expected}.")


def tell(result: dict[str, Any]) -> None:
    """Print the result as the last line."""
    sys.stdout.write(json.dumps(result) + "\n")
    sys.stdout.flush()
