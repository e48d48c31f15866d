"""Data that expires and has to be deleted."""

from typing import Protocol


class PurgeStep(Protocol):
    """Deletes one kind of expired data. Register each under this type: the worker runs them all.

    Compare ages with the database's clock, in the statement: a worker's clock may be wrong.
    """

    name: str
    """What it deletes, for the log."""

    async def purge(self) -> int:
        """Delete a limited number of expired rows. Return how many: 0 if none is left."""
