"""Nothing is cached: every read asks Postgres. Each process counts wrong guesses for itself."""

import punq
from limits.aio.storage import Storage

from src.config import Settings
from src.repositories.cache.none import NoCache
from src.repositories.throttle import MemoryCounters
from src.usecases.ports.cache import ReadThroughCache


def register_cache(container: punq.Container, settings: Settings) -> None:  # noqa: ARG001
    """Register what stands behind the port `ReadThroughCache`, and where guesses are counted."""
    container.register(ReadThroughCache, instance=NoCache())
    container.register(Storage, instance=MemoryCounters())
