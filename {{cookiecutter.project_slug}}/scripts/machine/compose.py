"""Knows the Compose project of this folder: its services, containers and volumes."""

from __future__ import annotations

import re
import secrets
import shutil
import subprocess
from pathlib import Path

NAME = re.compile(r"^name:\s*[\"']?([\w-]+)", re.MULTILINE)


def services_of(text: str) -> dict[str, str]:
    """Return the services of a Compose file, with the lines of each."""
    found: dict[str, str] = {}
    section = ""
    indent = 0
    for line in text.splitlines():
        depth = len(line) - len(line.lstrip())
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if depth == 0:
            section = line.split(":")[0]
        elif section == "services":
            indent = indent or depth
            if depth == indent:
                found[line.strip().split(":")[0].strip("'\"")] = ""
            elif found:
                found[[*found][-1]] += line + "\n"
    return found


def project_name(folder: Path, compose: str) -> str:
    """Return the name that Compose gives to this folder's project if `.env` names none."""
    named = NAME.search(compose)
    name = named[1] if named else folder.name
    return re.sub(r"[^a-z0-9_-]", "", name.lower()).lstrip("_-") or "service"


def new_project_name(default: str) -> str:
    """Return a name for a Compose project that no other checkout on this machine has."""
    return f"{default}-{secrets.token_hex(3)}"


def names_project(compose: str) -> bool:
    """Tell whether docker-compose.yml itself names the project."""
    return bool(NAME.search(compose))


def is_installed() -> bool:
    """Tell whether this machine has Docker."""
    return shutil.which("docker") is not None


def _docker(*words: str) -> list[str]:
    """Return the lines that a docker command prints: none without Docker or its engine."""
    program = shutil.which("docker")
    if not program:
        return []
    try:
        done = subprocess.run(  # noqa: S603  the program that PATH names, without a shell
            (program, *words),
            capture_output=True,
            text=True,
            check=True,
            timeout=20,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.SubprocessError):
        return []
    return done.stdout.split()


def _label(project: str) -> str:
    return f"label=com.docker.compose.project={project}"


def has_containers(project: str) -> bool:
    """Tell whether a Compose project has containers, stopped ones included."""
    return bool(_docker("ps", "--all", "--quiet", "--filter", _label(project)))


def has_volumes(project: str) -> bool:
    """Tell whether a Compose project has volumes."""
    return bool(_docker("volume", "ls", "--quiet", "--filter", _label(project)))


def publishes(project: str, port: int) -> bool:
    """Tell whether a container of a Compose project publishes this port."""
    filters = ("--filter", _label(project), "--filter", f"publish={port}")
    return bool(_docker("ps", "--quiet", *filters))
