"""Connections to Redis that give up soon, since everything in it is in Postgres too."""

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

MAX_CONNECTIONS = 1000  # beyond any burst: it refuses those who want more
CONNECT_TIMEOUT_SECONDS = WRITE_TIMEOUT_SECONDS = 0.5


def create_client(host: str, port: int, password: str, timeout_seconds: float) -> Redis:
    """Return a client that gives up soon and does not try again: Postgres is the second try.

    To connect takes several turns of a busy event loop, which are no fault of Redis.
    """
    return Redis(
        host=host,
        port=port,
        password=password or None,
        max_connections=MAX_CONNECTIONS,
        socket_timeout=timeout_seconds,
        socket_connect_timeout=CONNECT_TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), retries=0),
    )
