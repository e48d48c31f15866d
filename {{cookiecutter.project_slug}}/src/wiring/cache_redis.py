"""The cache in Redis, and the counters of wrong passwords."""

from typing import Annotated

import punq
from limits.aio.storage import Storage
from pydantic import SecretStr

from src.config import AppSettings
from src.repositories.cache.redis.cache import RedisCache
from src.repositories.cache.redis.client import WRITE_TIMEOUT_SECONDS, RedisServer
from src.repositories.cache.redis.counters import RedisCounters
from src.usecases.operations.check_readiness import Dependency
from src.usecases.ports.cache import ReadThroughCache
from src.utils.server_settings import ServerSettings
from src.utils.setting_limits import Duration, Port, Seconds
from src.utils.setting_types import fit_for_production
from src.utils.settings import Settings
from src.wiring import Part, Resource


class RedisSettings(ServerSettings, env_prefix="REDIS_"):
    """Redis. `timeout_seconds` is how long a read waits for Redis before it asks Postgres."""

    port: Port = 6379
    username: str | None = None
    password: Annotated[SecretStr, fit_for_production(0)] = SecretStr("")
    ttl_seconds: Seconds = 300
    timeout_seconds: Duration = 0.05


def create_server(redis: RedisSettings) -> RedisServer:
    """Return the server that the settings name."""
    return RedisServer(
        host=redis.host,
        port=redis.port,
        username=redis.username or None,
        password=redis.password.get_secret_value(),
        tls=redis.tls,
    )


def register(container: punq.Container, settings: Settings) -> None:
    """Register the cache and the storage of the counters."""
    name = settings[AppSettings].name
    redis = settings[RedisSettings]
    server = create_server(redis)
    client = server.client(timeout_seconds=redis.timeout_seconds)
    cache = RedisCache(
        redis=client,
        invalidator_redis=server.client(timeout_seconds=WRITE_TIMEOUT_SECONDS),
        namespace=name,
        ttl_seconds=redis.ttl_seconds,
    )
    container.register(ReadThroughCache, instance=cache)
    container.register(Storage, instance=RedisCounters(redis=client, namespace=name))
    container.register(Resource, instance=cache)
    container.register(
        Dependency,
        # Not required: without the cache, reads ask Postgres.
        instance=Dependency(name="redis", check=cache.check, is_required=False),
    )


part = Part(settings=(RedisSettings,), register=register)
