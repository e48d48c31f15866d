"""No cache: every read asks Postgres, and each process counts wrong passwords by itself."""

import punq
from limits.aio.storage import Storage

from src.repositories.cache.none import NoCache
from src.usecases.ports.cache import ReadThroughCache
from src.utils.security.counters import MemoryCounters
from src.utils.settings import Settings
from src.wiring import Part


def register(container: punq.Container, settings: Settings) -> None:  # noqa: ARG001
    """Register the cache that stores nothing, and counters in memory."""
    container.register(ReadThroughCache, instance=NoCache())
    container.register(Storage, instance=MemoryCounters())


part = Part(register=register)
