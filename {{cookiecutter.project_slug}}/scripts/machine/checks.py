"""Checks the values of `.env` and the file itself. Standard library only."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from scripts.machine import compose, ports
from scripts.machine.env_file import PLACEHOLDER, SetupError, different, read, settings
from src.utils.env_file import DIFFERENT

LEFT = (
    ".env: {name} is still {placeholder}, which is no secret. Delete the line and run"
    " `make setup`, which adds a fresh secret"
)
EMPTY = ".env: {name} is empty, but has no default. Delete the line and run `make setup`"
READABLE = ".env: other users can read it (mode {mode:04o}). Run: chmod 600 .env"
IN_USE = (
    ".env: {name}={port} is in use on this machine. Stop the other program, or set {name}={free}"
)
MAYBE_YOURS = " for Docker. Without Docker it is right if that is your own server"


def check_meaning(project: Path, text: str, file: str) -> None:
    """Raise an error that names every value that Compose and the service read differently."""
    problems = [f"{file}: {name} {DIFFERENT}" for name in different(project, text)]
    if problems:
        raise SetupError("\n".join(problems))


def check_values(values: dict[str, str], names: dict[str, int], needed: Iterable[str]) -> None:
    """Raise an error that names every unusable port, and every needed setting that is empty."""
    problems = [EMPTY.format(name=name) for name in needed if values.get(name) == ""]
    seen: dict[int, str] = {}
    for name, usual in names.items():
        try:
            port = ports.number(name, values.get(name) or str(usual), ".env")
        except SetupError as error:
            problems.append(str(error))
            continue
        if ports.is_local(name, values) and seen.setdefault(port, name) != name:
            problems.append(f".env: {seen[port]} and {name} are both {port}, change one of them")
    if problems:
        raise SetupError("\n".join(problems))


def warnings(env: Path, names: dict[str, int], compose_file: str) -> Iterator[str]:
    """Return what the owner should change: placeholders, the file's mode and ports in use."""
    values = settings(read(env))
    for name in (name for name, value in values.items() if value == PLACEHOLDER):
        yield LEFT.format(name=name, placeholder=PLACEHOLDER)
    mode = stat.S_IMODE(env.stat().st_mode)
    if os.name == "posix" and mode & 0o077:
        yield READABLE.format(mode=mode)
    project = values.get("COMPOSE_PROJECT_NAME") or compose.project_name(env.parent, compose_file)
    # In production Compose publishes the port of the API only.
    publishes_servers = compose.is_installed() and values.get("APP_ENVIRONMENT") != "production"
    taken = {int(values.get(name) or usual) for name, usual in names.items()}
    for name, usual in names.items():
        is_published = name == ports.APP_PORT or publishes_servers
        port = int(values.get(name) or usual)
        if not is_published or not ports.is_local(name, values) or ports.is_free(port):
            continue
        if not compose.publishes(project, port):
            free = ports.next_free(port, taken)
            hint = "" if name == ports.APP_PORT else MAYBE_YOURS
            yield IN_USE.format(name=name, port=port, free=free) + hint
