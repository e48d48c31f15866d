"""Deleting expired sessions."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from src.usecases.ports.purge import PurgeStep
from src.usecases.ports.unit_of_work import UnitOfWorkFactory

RETENTION = timedelta(days=7)


@dataclass(frozen=True)
class PurgeSessions(PurgeStep):
    """Delete sessions that expired more than a week ago."""

    unit_of_work: UnitOfWorkFactory
    name: str = field(default="sessions", init=False)

    async def purge(self, now: datetime) -> int:
        """Delete a limited number of them. Return how many."""
        async with self.unit_of_work() as uow:
            purged = await uow.sessions.purge_sessions(now - RETENTION)
            await uow.commit()
        return purged
