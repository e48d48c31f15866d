"""The parts of the service. Each module registers the adapters of one subject.

A module names its part in a variable `part`, and `container.py` lists the parts.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import punq

from src.utils.settings import Settings, SettingsGroup


@dataclass(frozen=True, kw_only=True)
class Command:
    """An operator's command: `python -m src.manage NAME [ARGUMENT]`.

    `run` gets the container and the argument, and returns the text to print.
    """

    name: str
    help: str
    run: Callable[[punq.Container, str | None], Awaitable[str]]
    argument: str | None = None
    argument_help: str = ""
    is_argument_required: bool = False


@dataclass(frozen=True, kw_only=True)
class Part:
    """The contribution of one module.

    `register` puts adapters and use cases into the container. It may also register a `Job`, a
    `Resource`, a `Dependency` to check for readiness, or a `PurgeStep`: the service collects them.
    """

    register: Callable[[punq.Container, Settings], None]
    settings: Sequence[type[SettingsGroup]] = ()
    commands: Sequence[Command] = ()


class Job(Protocol):
    """Work that the worker does beside consuming."""

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set; return when the work in progress is done."""


class Resource(Protocol):
    """An object with connections. The service closes it when it stops."""

    async def aclose(self) -> None:
        """Close the connections."""
