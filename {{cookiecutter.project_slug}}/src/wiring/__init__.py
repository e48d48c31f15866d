"""The parts of the service. Each module registers the adapters of one subject.

A module names its part in a variable `part`, and `container.py` lists the parts.
"""

import asyncio
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import punq

from src.utils.settings import Settings, SettingsGroup


@dataclass(frozen=True, kw_only=True)
class Command:
    """An operator's command: `python -m src.manage NAME`.

    `run` gets the container and the parsed arguments, and returns the text to print.
    """

    name: str
    help: str
    run: Callable[[punq.Container, Namespace], Awaitable[str]]
    add_arguments: Callable[[ArgumentParser], object] = lambda _: None


@dataclass(frozen=True, kw_only=True)
class Part:
    """The contribution of one module.

    `register` puts adapters and use cases into the container. It may also register a `Job`, a
    `Resource`, a `Dependency` to check for readiness, or a `PurgeStep`: the service collects them.
    """

    register: Callable[[punq.Container, Settings], None] = lambda *_: None
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


async def confirm(change: str, *, is_confirmed: bool) -> None:
    """Return if the operator agrees to a change, else end the command.

    `change` completes the sentence "This would …". `is_confirmed` is the argument `--yes`.
    """
    if is_confirmed:
        return
    if not sys.stdin.isatty():
        raise SystemExit(f"This would {change}: confirm with --yes.")
    if await asyncio.to_thread(input, f"This will {change}. Type yes: ") != "yes":
        raise SystemExit("Nothing was changed.")
