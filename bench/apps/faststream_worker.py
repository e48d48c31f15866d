"""FastStream doing the worker's work: `python -m bench.apps.faststream_worker`, until SIGTERM.

The same queue, prefetch, statements, kind of pool and log line; acknowledged after the commit.
FastStream at its fastest: without its own two log lines a message, and without its injection of
arguments, which would go through a thread for each message.
"""

# mypy: disable-error-code="import-not-found, untyped-decorator"
import asyncio
import os
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import orjson
import structlog
import uvloop
from faststream import AckPolicy
from faststream.rabbit import Channel, RabbitBroker, RabbitMessage, RabbitQueue
from faststream.security import SASLPlaintext
from pydantic import BaseModel
from sqlalchemy import URL, Column, DateTime, MetaData, Table, Text, Uuid, bindparam, insert
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import create_async_engine

CONCURRENCY = 50
settings = os.environ
log = structlog.get_logger()
metadata = MetaData()
processed = Table("processed_messages", metadata, Column("message_id", Uuid))
notifications = Table(
    "notifications",
    metadata,
    Column("id", Uuid),
    Column("user_id", Uuid),
    Column("kind", Text),
    Column("created_at", DateTime(timezone=True)),
)
CLAIM_MESSAGE = (
    postgresql.insert(processed).values(message_id=bindparam("message_id")).on_conflict_do_nothing()
)
INSERT_NOTIFICATION = insert(notifications)
url = URL.create(
    "postgresql+asyncpg",
    settings["POSTGRES_USER"],
    settings["POSTGRES_PASSWORD"],
    settings["POSTGRES_HOST"],
    int(settings["POSTGRES_PORT"]),
    settings["POSTGRES_DB"],
)
engine = create_async_engine(url, pool_size=10, max_overflow=0)
broker = RabbitBroker(
    host=settings["RABBITMQ_HOST"],
    port=int(settings["RABBITMQ_PORT"]),
    virtualhost=settings["RABBITMQ_VHOST"],
    security=SASLPlaintext(settings["RABBITMQ_USER"], settings["RABBITMQ_PASSWORD"]),
    default_channel=Channel(prefetch_count=CONCURRENCY),
    logger=None,
    apply_types=False,
)
queue = RabbitQueue(f"{settings['APP_NAME']}.consume_worker", declare=False)
structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.JSONRenderer(orjson.dumps),
    ],
    logger_factory=structlog.BytesLoggerFactory(),
    cache_logger_on_first_use=True,
)


class Registered(BaseModel):
    """The event's data."""

    user_id: UUID


class Event(BaseModel):
    """The part of the envelope that is read."""

    id: UUID
    type: str
    data: Registered


async def decode(message: RabbitMessage) -> RabbitMessage:
    """Leave the message as it is."""
    return message


@broker.subscriber(queue, ack_policy=AckPolicy.MANUAL, decoder=decode)
async def welcome(message: RabbitMessage) -> None:
    """Claim the message and write the notification."""
    event = Event.model_validate_json(message.body)
    async with engine.begin() as connection:
        claimed = await connection.execute(CLAIM_MESSAGE, {"message_id": event.id})
        if claimed.rowcount == 1:
            await connection.execute(INSERT_NOTIFICATION, to_row(event))
    log.info("event_handled", event_id=message.message_id, event_type=event.type, attempt=1)
    await message.ack()


def to_row(event: Event) -> dict[str, Any]:
    """Return the notification's row."""
    user = event.data.user_id
    return {"id": uuid4(), "user_id": user, "kind": "welcome", "created_at": datetime.now(UTC)}


async def main() -> None:
    """Consume."""
    async with broker:
        await broker.start()
        await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main())
