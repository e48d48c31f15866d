"""What a run makes on the servers under a name of its own, and removes again."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import asyncpg
import pytest
from aio_pika.abc import AbstractChannel
from alembic import command
from alembic.config import Config
from redis.asyncio import Redis
from redis.exceptions import RedisError

from src.config import ROOT, PostgresSettings
from src.repositories.rabbitmq.connection import RabbitMQBroker, close
from src.repositories.rabbitmq.topology import Topology
from src.usecases.ports.messaging import BrokerUnavailableError

NOT_YET = (OSError, asyncpg.PostgresError, RedisError, BrokerUnavailableError)


async def wait_for(name: str, answers: Callable[[], Awaitable[object]], seconds: float) -> None:
    """Return once a server answers; end the run with one sentence if it does not."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            await answers()
        except NOT_YET as error:
            if time.monotonic() > deadline:
                sentence = f"{name} does not answer: {type(error).__name__}: {error}"
                pytest.exit(sentence, pytest.ExitCode.USAGE_ERROR)
            await asyncio.sleep(0.2)
        else:
            return


async def connect(postgres: PostgresSettings) -> asyncpg.Connection:
    """Return a plain connection, past everything that is tested here."""
    return await asyncpg.connect(
        host=postgres.host,
        port=postgres.port,
        user=postgres.user,
        password=postgres.password.get_secret_value(),
        database=postgres.db,
        timeout=3,
    )


async def execute(postgres: PostgresSettings, *statements: str) -> None:
    """Run statements, each in a transaction of its own."""
    connection = await connect(postgres)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


@asynccontextmanager
async def own_database(postgres: PostgresSettings, name: str) -> AsyncIterator[None]:
    """Have an empty database of this name on the server while the context is open."""
    await execute(postgres, f'CREATE DATABASE "{name}"')
    try:
        yield
    finally:
        await execute(postgres, f'DROP DATABASE "{name}" WITH (FORCE)')


def migrate(revision: str, *, sql: bool = False) -> None:
    """Migrate the database that the environment names, or print what that would take."""
    config = Config(ROOT / "alembic.ini")
    go = command.downgrade if revision == "base" else command.upgrade
    go(config, revision, sql=sql)


async def delete_keys(redis: Redis, namespace: str) -> None:
    """Delete the keys of one namespace and no others."""
    keys = [key async for key in redis.scan_iter(match=f"{namespace}:*", count=1000)]
    if keys:
        await redis.delete(*keys)


def queues_of(topology: Topology) -> list[str]:
    """Return the names of all queues of a topology."""
    retries = [topology.retry_queue(delay) for delay in topology.retry_delays]
    return [topology.queue, *retries, topology.dead_queue]


async def delete_topology(channel: AbstractChannel, topology: Topology) -> None:
    """Delete an exchange and its queues; those that do not exist are no error to RabbitMQ."""
    await channel.exchange_delete(topology.exchange)
    for queue in queues_of(topology):
        await channel.queue_delete(queue)


@asynccontextmanager
async def own_topology(broker: RabbitMQBroker, topology: Topology) -> AsyncIterator[None]:
    """Have the topology declared while the context is open."""
    connection = await broker.connect("tests")
    try:
        channel = await connection.channel()
        await topology.declare(channel)
        try:
            yield
        finally:
            await delete_topology(channel, topology)
    finally:
        await close(connection)
