"""One run's own part of the servers: a database, and a name that prefixes all other objects."""

import json
import secrets

import aio_pika
import asyncpg
import redis.asyncio

_TIMEOUT = 15.0
_RETRY_DELAYS = "[1, 10]"


class Namespace:
    """A part that is created for a run and removed after it: the servers may be a developer's."""

    def __init__(self, servers: dict[str, str]) -> None:
        """Choose a name; `settings` are those of the service."""
        token = secrets.token_hex(4)
        self.name = f"demo-{token}"
        self._servers = servers
        self.settings = {
            **servers,
            "APP_NAME": self.name,
            "POSTGRES_DB": f"demo_{token}",
            # Set here, because there is a queue for each, which has to be removed by name.
            "RABBITMQ_RETRY_DELAYS_SECONDS": _RETRY_DELAYS,
        }

    async def create(self) -> None:
        """Create the database. The service creates its queues and keys itself."""
        await self._administer(f'CREATE DATABASE "{self.settings["POSTGRES_DB"]}"')

    async def remove(self) -> None:
        """Remove the database, the queues, the exchange and the keys."""
        await self._administer(f'DROP DATABASE IF EXISTS "{self.settings["POSTGRES_DB"]}" (FORCE)')
        async with redis_client(self.settings) as client:
            async for key in client.scan_iter(match=f"*{self.name}*"):
                await client.delete(key)
        async with await connect_rabbitmq(self.settings) as connection:
            channel = await connection.channel()
            for queue in queue_names(self.settings):
                await channel.queue_delete(queue)
            await channel.exchange_delete(f"{self.name}.events")

    async def _administer(self, statement: str) -> None:
        connection = await connect_postgres(self._servers)
        try:
            await connection.execute(statement, timeout=_TIMEOUT)
        finally:
            await connection.close(timeout=_TIMEOUT)


def queue_names(settings: dict[str, str]) -> list[str]:
    """List the worker's queues: its own, one for each retry delay, and that of dead letters."""
    delays = json.loads(settings["RABBITMQ_RETRY_DELAYS_SECONDS"])
    waiting = [f".retry.{seconds}s" for seconds in delays]
    return [f"{settings['APP_NAME']}.consume_worker{ending}" for ending in ("", *waiting, ".dead")]


async def connect_postgres(
    settings: dict[str, str], database: str | None = None
) -> asyncpg.Connection:
    """Connect to the service's database, or to another one on the same server."""
    return await asyncpg.connect(
        host=settings["POSTGRES_HOST"],
        port=int(settings["POSTGRES_PORT"]),
        user=settings["POSTGRES_USER"],
        password=settings["POSTGRES_PASSWORD"],
        database=database or settings["POSTGRES_DB"],
        timeout=_TIMEOUT,
    )


def redis_client(settings: dict[str, str]) -> redis.asyncio.Redis:
    """Return a client of the service's Redis."""
    return redis.asyncio.Redis(
        host=settings["REDIS_HOST"],
        port=int(settings["REDIS_PORT"]),
        password=settings["REDIS_PASSWORD"] or None,
    )


async def connect_rabbitmq(settings: dict[str, str]) -> aio_pika.abc.AbstractConnection:
    """Connect to the service's RabbitMQ."""
    return await aio_pika.connect(
        host=settings["RABBITMQ_HOST"],
        port=int(settings["RABBITMQ_PORT"]),
        login=settings["RABBITMQ_USER"],
        password=settings["RABBITMQ_PASSWORD"],
        virtualhost=settings["RABBITMQ_VHOST"],
        timeout=_TIMEOUT,
    )
