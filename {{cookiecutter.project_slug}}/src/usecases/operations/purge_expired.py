"""Deleting expired data."""

from dataclasses import dataclass

import structlog

from src.usecases.ports.purge import PurgeStep

log = structlog.get_logger()


@dataclass(frozen=True)
class PurgeExpired:
    """Run every registered purge step once."""

    steps: list[PurgeStep]

    async def execute(self) -> bool:
        """Delete a limited amount of expired data. Return whether there may be more."""
        purged = {step.name: await step.purge() for step in self.steps}
        if any(purged.values()):
            log.info("expired_purged", **purged)
        return any(purged.values())
