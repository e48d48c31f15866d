"""Connections to Redis that give up soon, since everything in it is in Postgres too."""

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

MAX_CONNECTIONS = 100
WAIT_FOR_CONNECTION_SECONDS = 1.0
WRITE_TIMEOUT_SECONDS = 0.5


def create_client(host: str, port: int, password: str, timeout_seconds: float) -> Redis:
    """Return a client that gives up soon and does not try again: Postgres is the second try.

    A burst of requests waits for a connection; the default pool would refuse those beyond 100.
    """
    pool = BlockingConnectionPool(
        max_connections=MAX_CONNECTIONS,
        timeout=WAIT_FOR_CONNECTION_SECONDS,
        host=host,
        port=port,
        password=password or None,
        socket_timeout=timeout_seconds,
        socket_connect_timeout=timeout_seconds,
        retry=Retry(NoBackoff(), retries=0),
    )
    return Redis.from_pool(pool)
