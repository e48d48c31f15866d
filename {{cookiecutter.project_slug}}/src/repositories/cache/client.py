"""Connections to Redis that give up soon, since nothing in it is missed for long."""

from pathlib import Path
from typing import Any

from limits.aio.storage import RedisStorage
from redis.asyncio import BlockingConnectionPool, Redis, SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

MAX_CONNECTIONS = 100
WAIT_FOR_CONNECTION_SECONDS = 1.0
WRITE_TIMEOUT_SECONDS = 0.5


def create_client(
    host: str, port: int, password: str, timeout_seconds: float, tls_ca_file: Path | None = None
) -> Redis:
    """Return a client that gives up soon and does not try again: Postgres is the second try.

    A burst of requests waits for a connection; the default pool would refuse those beyond 100.
    """
    tls: dict[str, Any] = {}
    if tls_ca_file:
        tls = {"connection_class": SSLConnection, "ssl_ca_certs": str(tls_ca_file)}
    pool = BlockingConnectionPool(
        max_connections=MAX_CONNECTIONS,
        timeout=WAIT_FOR_CONNECTION_SECONDS,
        host=host,
        port=port,
        password=password or None,
        socket_timeout=timeout_seconds,
        socket_connect_timeout=timeout_seconds,
        retry=Retry(NoBackoff(), retries=0),
        **tls,
    )
    return Redis.from_pool(pool)


def create_counters(redis: Redis, namespace: str) -> RedisStorage:
    """Return the storage in which all processes count together."""
    return RedisStorage(
        "async+redis://",
        wrap_exceptions=True,
        implementation="redispy",
        key_prefix=f"{namespace}:throttle",
        connection_pool=redis.connection_pool,  # type: ignore[arg-type]  # passed on to redis-py
    )
