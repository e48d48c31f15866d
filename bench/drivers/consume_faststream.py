"""FastStream doing the worker's work: `python -m bench.drivers.consume_faststream EVENTS`.

The same queue, prefetch, statements, kind of pool and log line; acknowledged after the commit.
FastStream at its fastest: without its own two log lines a message, and without its injection of
arguments, which would go through a thread for each message.
"""

# mypy: disable-error-code="import-not-found, untyped-decorator"
import sys
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import structlog
import uvloop
from faststream import AckPolicy
from faststream.rabbit import Channel, RabbitBroker, RabbitMessage, RabbitQueue
from faststream.security import SASLPlaintext
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from src.config import Settings, load_settings
from src.repositories.db.unit_of_work import CLAIM_MESSAGE, INSERT_NOTIFICATION

from bench.drivers.consume import WARM_UP
from bench.drivers.service import (
    Meter,
    make_events,
    open_service,
    open_topology,
    publish,
    tell,
    to_body,
)

log = structlog.get_logger()


class Registered(BaseModel):
    """The event's data."""

    user_id: UUID


class Event(BaseModel):
    """The part of the envelope that is read."""

    id: UUID
    type: str
    data: Registered


def make_broker(settings: Settings, queue: str, engine: AsyncEngine, meter: Meter) -> RabbitBroker:
    """Subscribe to the worker's queue."""
    rabbitmq = settings.rabbitmq
    broker = RabbitBroker(
        host=rabbitmq.host,
        port=rabbitmq.port,
        virtualhost=rabbitmq.vhost,
        security=SASLPlaintext(rabbitmq.user, rabbitmq.password.get_secret_value()),
        default_channel=Channel(prefetch_count=settings.worker.concurrency),
        logger=None,
        apply_types=False,
    )

    existing = RabbitQueue(queue, declare=False)

    @broker.subscriber(existing, ack_policy=AckPolicy.MANUAL, decoder=decode)
    async def welcome(message: RabbitMessage) -> None:
        event = Event.model_validate_json(message.body)
        async with engine.begin() as connection:
            claimed = await connection.execute(CLAIM_MESSAGE, {"message_id": event.id})
            if claimed.rowcount == 1:
                await connection.execute(INSERT_NOTIFICATION, to_row(event))
        log.info("event_handled", event_id=message.message_id, event_type=event.type, attempt=1)
        meter.tick()
        await message.ack()

    return broker


async def decode(message: RabbitMessage) -> RabbitMessage:
    """Leave the message as it is."""
    return message


def to_row(event: Event) -> dict[str, Any]:
    """Make the notification."""
    user = event.data.user_id
    return {"id": uuid4(), "user_id": user, "kind": "welcome", "created_at": datetime.now(UTC)}


async def main(count: int) -> None:
    """Fill the queue, then consume it."""
    meter, settings = Meter(WARM_UP, count), load_settings()
    async with open_service() as container, open_topology(container) as (exchange, queue):
        events = make_events(WARM_UP + count)
        await publish(exchange, events, [to_body(event) for event in events])
        name = queue.name
    postgres = settings.postgres
    engine = create_async_engine(postgres.url, pool_size=postgres.pool_size, max_overflow=0)
    async with make_broker(settings, name, engine, meter) as broker:
        await broker.start()
        await meter.done.wait()
    await engine.dispose()
    tell(meter.result())


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
