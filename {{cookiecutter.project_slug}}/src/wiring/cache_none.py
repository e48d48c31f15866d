"""Nothing is cached: every read asks Postgres."""

import punq

from src.config import Settings
from src.repositories.cache.none import NoCache
from src.usecases.ports.cache import ReadThroughCache


def register_cache(container: punq.Container, settings: Settings) -> None:  # noqa: ARG001
    """Register what stands behind the port `ReadThroughCache`."""
    container.register(ReadThroughCache, instance=NoCache())
