"""Whether this process can do its work."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import structlog

log = structlog.get_logger()

TIMEOUT_SECONDS = 2.0


class State(StrEnum):
    """How a dependency is."""

    OK = "ok"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, kw_only=True, slots=True)
class Dependency:
    """Something this process talks to. `check` returns if it answers, and raises if not."""

    name: str
    check: Callable[[], Awaitable[object]]
    is_required: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Readiness:
    """Whether requests can be served, and how each dependency is."""

    is_ready: bool
    states: dict[str, State]


class CheckReadiness:
    """Ask every dependency at once. Only the loss of a required one makes the service unready."""

    def __init__(self, dependencies: Sequence[Dependency]) -> None:
        self._dependencies = dependencies

    async def execute(self) -> Readiness:
        """Return within two seconds, whatever hangs."""
        states = await asyncio.gather(*(self._ask(d) for d in self._dependencies))
        asked = list(zip(self._dependencies, states, strict=True))
        return Readiness(
            is_ready=all(state is State.OK for d, state in asked if d.is_required),
            states={d.name: state for d, state in asked},
        )

    async def _ask(self, dependency: Dependency) -> State:
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                await dependency.check()
        except Exception as error:  # noqa: BLE001  any failure means the same here
            log.warning("dependency_unavailable", dependency=dependency.name, error=str(error))
            return State.UNAVAILABLE
        return State.OK
