"""Data that expires and has to be deleted."""

from datetime import datetime
from typing import Protocol


class PurgeStep(Protocol):
    """Deletes one kind of expired data. Register each under this type: the worker runs them all."""

    name: str
    """What it deletes, for the log."""

    async def purge(self, now: datetime) -> int:
        """Delete a limited number of expired rows. Return how many: 0 if none is left."""
