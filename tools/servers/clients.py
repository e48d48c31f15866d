"""Clients of the three servers, connected by the service's settings."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import aio_pika
import asyncpg
import redis.asyncio

TIMEOUT = 15.0


async def connect_postgres(
    settings: Mapping[str, str], database: str | None = None
) -> asyncpg.Connection:
    """Connect to the service's database, or to another one on the same server."""
    return await asyncpg.connect(
        host=settings["POSTGRES_HOST"],
        port=int(settings["POSTGRES_PORT"]),
        user=settings["POSTGRES_USER"],
        password=settings["POSTGRES_PASSWORD"],
        database=database or settings["POSTGRES_DB"],
        timeout=TIMEOUT,
    )


@asynccontextmanager
async def postgres_connection(
    settings: Mapping[str, str], database: str | None = None
) -> AsyncIterator[asyncpg.Connection]:
    """Connect to PostgreSQL for an `async with` block."""
    connection = await connect_postgres(settings, database)
    try:
        yield connection
    finally:
        await connection.close(timeout=TIMEOUT)


def redis_client(settings: Mapping[str, str]) -> redis.asyncio.Redis:
    """Return a client of the service's Redis."""
    return redis.asyncio.Redis(
        host=settings["REDIS_HOST"],
        port=int(settings["REDIS_PORT"]),
        password=settings["REDIS_PASSWORD"] or None,
    )


async def connect_rabbitmq(settings: Mapping[str, str]) -> aio_pika.abc.AbstractConnection:
    """Connect to the service's RabbitMQ."""
    return await aio_pika.connect(
        host=settings["RABBITMQ_HOST"],
        port=int(settings["RABBITMQ_PORT"]),
        login=settings["RABBITMQ_USER"],
        password=settings["RABBITMQ_PASSWORD"],
        virtualhost=settings["RABBITMQ_VHOST"],
        timeout=TIMEOUT,
    )
