"""Readiness probes: one real query to a server, in its own protocol, for its version."""

import asyncio
from collections.abc import Awaitable, Callable
from urllib.parse import quote

import aiormq
import asyncpg
import redis.asyncio
from aiormq.exceptions import AMQPError
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from yarl import URL

from tools.servers.addresses import Address, Kind

_TIMEOUT = 5.0

# What a client raises when a server is still starting, or is not the expected one.
NotReady = (
    OSError,
    TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    AMQPError,
    RedisError,
)


async def _postgres(address: Address) -> str:
    connection = await asyncpg.connect(
        host=address.host,
        port=address.port,
        user=address.user,
        password=address.password,
        database=address.name,
        timeout=_TIMEOUT,
    )
    try:
        version = await connection.fetchval("SHOW server_version", timeout=_TIMEOUT)
    finally:
        await connection.close(timeout=_TIMEOUT)
    return str(version).split()[0]


async def _redis(address: Address) -> str:
    client = redis.asyncio.Redis(
        host=address.host,
        port=address.port,
        password=address.password or None,
        socket_timeout=_TIMEOUT,
        socket_connect_timeout=_TIMEOUT,
        retry=Retry(NoBackoff(), 0),
    )
    async with client:
        info = await client.info("server")
    return str(info["redis_version"])


async def _rabbitmq(address: Address) -> str:
    url = URL.build(
        scheme="amqp",
        host=address.host,
        port=address.port,
        user=quote(address.user, safe=""),
        password=quote(address.password, safe=""),
        path="/" + quote(address.name, safe=""),
        encoded=True,
    )
    # The AMQP client logs every refused connection, so a plain connection is tried first.
    _, writer = await asyncio.open_connection(address.host, address.port)
    writer.close()
    connection = await aiormq.connect(url)
    try:
        await connection.channel()
        version = connection.server_properties["version"]
    finally:
        await connection.close()
    return version.decode() if isinstance(version, bytes) else str(version)


_PROBES: dict[Kind, Callable[[Address], Awaitable[str]]] = {
    "postgres": _postgres,
    "redis": _redis,
    "rabbitmq": _rabbitmq,
}


def version(address: Address) -> str:
    """Log in and return the server's version; raise one of `NotReady` if that fails."""

    async def ask() -> str:
        # The clients' own timeouts do not cover every step of a handshake.
        return await asyncio.wait_for(_PROBES[address.kind](address), _TIMEOUT * 2)

    return asyncio.run(ask())
