"""Readiness of this process."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import NamedTuple

import structlog

from src.usecases.errors import ServerState

log = structlog.get_logger()

TIMEOUT_SECONDS = 2.0


class Dependency(NamedTuple):
    """A condition for readiness, usually a server that answers. `check` raises if it does not."""

    name: str
    check: Callable[[], Awaitable[object]]
    is_required: bool


class Readiness(NamedTuple):
    """Whether requests can be served, and what each dependency can do."""

    is_ready: bool
    states: dict[str, ServerState]


@dataclass(frozen=True)
class CheckReadiness:
    """Ask every dependency. Only the loss of a required one makes the service unready."""

    dependencies: list[Dependency]

    async def execute(self) -> Readiness:
        """Check all dependencies concurrently, in four seconds at most."""
        asked = await asyncio.gather(*map(self._ask, self.dependencies))
        states = {d.name: state for d, state in zip(self.dependencies, asked, strict=True)}
        is_ready = all(states[d.name] == "ok" for d in self.dependencies if d.is_required)
        return Readiness(is_ready, states)

    async def _ask(self, dependency: Dependency) -> ServerState:
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                await dependency.check()
        except Exception as error:  # noqa: BLE001  any failure means that it does not answer
            state: ServerState = getattr(error, "state", "unavailable")
            if state != "refused":  # its adapter logs what to change
                log.warning("dependency_unavailable", dependency=dependency.name, error=str(error))
            return state
        return "ok"
