"""Readiness of this process."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import NamedTuple

import structlog

log = structlog.get_logger()

TIMEOUT_SECONDS = 2.0


class Dependency(NamedTuple):
    """A condition for readiness, usually a server that answers. `check` raises if it does not."""

    name: str
    check: Callable[[], Awaitable[object]]
    is_required: bool


class Readiness(NamedTuple):
    """Whether requests can be served, and for each dependency whether it answers."""

    is_ready: bool
    answers: dict[str, bool]


@dataclass(frozen=True)
class CheckReadiness:
    """Ask every dependency. Only the loss of a required one makes the service unready."""

    dependencies: list[Dependency]

    async def execute(self) -> Readiness:
        """Check all dependencies concurrently, in four seconds at most."""
        asked = await asyncio.gather(*map(self._ask, self.dependencies))
        answers = {d.name: answer for d, answer in zip(self.dependencies, asked, strict=True)}
        is_ready = all(answers[d.name] for d in self.dependencies if d.is_required)
        return Readiness(is_ready, answers)

    async def _ask(self, dependency: Dependency) -> bool:
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                await dependency.check()
        except Exception as error:  # noqa: BLE001  any failure means that it does not answer
            log.warning("dependency_unavailable", dependency=dependency.name, error=str(error))
            return False
        return True
