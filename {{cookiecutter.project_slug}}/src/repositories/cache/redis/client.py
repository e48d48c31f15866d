"""Redis clients with short timeouts, because every value in Redis can be read elsewhere."""

from pathlib import Path

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

MAX_CONNECTIONS = 1000
"""More than any burst needs: a client that has none left raises an error."""
CONNECT_TIMEOUT_SECONDS = 0.5
"""Longer than a read's timeout: a connection takes several turns of a busy event loop."""
WRITE_TIMEOUT_SECONDS = 0.5


def create_client(
    *,
    host: str,
    port: int,
    password: str,
    timeout_seconds: float,
    tls_ca_file: Path | None = None,
) -> Redis:
    """Return a client that makes one attempt only: the second attempt is a read of Postgres."""
    return Redis(
        host=host,
        port=port,
        password=password or None,
        max_connections=MAX_CONNECTIONS,
        socket_timeout=timeout_seconds,
        socket_connect_timeout=CONNECT_TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), retries=0),
        ssl=tls_ca_file is not None,
        ssl_ca_certs=str(tls_ca_file) if tls_ca_file else None,
    )
