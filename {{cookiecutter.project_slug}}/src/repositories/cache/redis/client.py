"""Redis clients with short timeouts, because every value in Redis can be read elsewhere."""

from dataclasses import dataclass, field
from ssl import SSLContext

from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.maint_notifications import MaintNotificationsConfig

from src.repositories.cache.redis.connection import RedisConnection

MAX_CONNECTIONS = 1000
"""More than any burst needs: a client that has none left raises an error."""
WRITE_TIMEOUT_SECONDS = 0.5


@dataclass(frozen=True, kw_only=True)
class RedisServer:
    """The server's address, and the user that logs in there."""

    host: str
    port: int
    username: str | None = None
    password: str = field(default="", repr=False)
    tls: SSLContext | None = None

    def client(self, *, timeout_seconds: float) -> Redis:
        """Return a client that makes one attempt only: the second attempt is a read of Postgres."""
        pool = ConnectionPool(
            connection_class=RedisConnection,
            max_connections=MAX_CONNECTIONS,
            host=self.host,
            port=self.port,
            username=self.username,
            password=self.password or None,
            protocol=3,
            tls=self.tls,
            answer_seconds=timeout_seconds,
            retry=Retry(NoBackoff(), retries=0),
            maint_notifications_config=MaintNotificationsConfig(enabled=False),
        )
        return Redis.from_pool(pool)
