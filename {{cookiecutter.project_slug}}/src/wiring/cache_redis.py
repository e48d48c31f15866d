"""Users and sessions are cached in Redis, and wrong guesses counted there."""

import punq
from limits.aio.storage import Storage

from src.config import Settings
from src.repositories.cache.client import WRITE_TIMEOUT_SECONDS, create_client, create_counters
from src.repositories.cache.redis import RedisCache
from src.usecases.check_readiness import Dependency
from src.usecases.ports.cache import ReadThroughCache
from src.wiring import Resource


def register_cache(container: punq.Container, settings: Settings) -> None:
    """Register what stands behind the port `ReadThroughCache`, and where guesses are counted."""
    redis = settings.redis
    server = (redis.host, redis.port, redis.password.get_secret_value())
    client = create_client(*server, redis.timeout_seconds, redis.tls_ca_file)
    writers = create_client(*server, WRITE_TIMEOUT_SECONDS, redis.tls_ca_file)
    name, ttl = settings.app.name, redis.ttl_seconds
    cache = RedisCache(client, writers, namespace=name, ttl_seconds=ttl)
    container.register(ReadThroughCache, instance=cache)
    container.register(Storage, instance=create_counters(client, name))
    container.register(Resource, instance=cache)
    # Without its cache the service is slower, but not wrong.
    container.register(Dependency, instance=Dependency("redis", client.ping, is_required=False))
