"""Writes `docker-compose.override.yml`, and renews it until its owner edits it."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

from scripts.machine.compose import services_of
from scripts.machine.env_file import create, read
from scripts.machine.ports import SERVERS

MARK = "# Unchanged since it was written, sha256: "
HEADER = """\
# Written by scripts/init_env.py for this machine; git ignores it. Docker Compose merges it into
# docker-compose.yml by default. `make setup` renews it until you edit it.
services:
"""
# Live reload. A request that never ends must not delay a restart, hence the timeout.
APPLICATIONS = {
    "micro_service": """\
  # Live reload: mounts ./src over the copy in the image.
  micro_service:
    command: >-
      uvicorn src.main:app --host 0.0.0.0 --port 8000 --reload --reload-dir src
      --no-access-log --no-server-header --no-proxy-headers --timeout-graceful-shutdown 3
    volumes:
      - ./src:/app/src:ro
""",
    "consume_worker": """\
  consume_worker:
    command: ["watchfiles", "--filter", "python", "python -m src.consume_worker", "src"]
    volumes:
      - ./src:/app/src:ro
""",
}
# A service that the override defines itself, beside those of docker-compose.yml.
DEFINED = re.compile(r"^\s+(image|build|extends):", re.MULTILINE)
# Published on loopback only. A published port needs a network that is not internal.
SERVER = "  {service}:\n    networks: [outside]\n    ports:\n"


def container_user(source: Path) -> str:
    """Return the `user:` line with which a container can read the mounted code, if it needs one.

    The container runs as the owner of the code. The image's own user suffices for code of root,
    unless root's umask keeps the files from others.
    """
    if not hasattr(os, "getuid") or not source.is_dir():
        return ""
    owner = source.stat()
    files = (source, *source.rglob("*"))
    if owner.st_uid == 0 and all(file.stat().st_mode & 0o004 for file in files):
        return ""
    return f'    user: "{owner.st_uid}:{owner.st_gid}"\n'


def override(project: Path, services: dict[str, str]) -> str:
    """Return the text of the override: live reload, and a published port for each server."""
    text = HEADER
    for service, lines in APPLICATIONS.items():
        if service in services:
            text += lines + container_user(project / "src")
    for service, ports in SERVERS.items():
        if service in services:
            text += SERVER.format(service=service)
            for name, port in ports.items():
                variable = "{" + f"{name}:-{port}" + "}"
                text += f'      - "127.0.0.1:${variable}:{port}"\n'
    return text + mark(text)


def mark(text: str) -> str:
    """Return the last line of the override, which shows whether the lines above were edited."""
    return f"{MARK}{hashlib.sha256(text.encode()).hexdigest()}\n"


def renew_override(project: Path, services: dict[str, str]) -> str:
    """Write the override if it is missing or out of date, unless its owner edited it."""
    path = project / "docker-compose.override.yml"
    new = override(project, services)
    if create(path, new, mode=0o644):
        return f"wrote {path.name}: local ports, live reload"
    old = read(path).replace("\r\n", "\n")
    if old == new:
        return f"kept {path.name}"
    written = old.partition(MARK)[0]
    if old == written + mark(written):
        path.write_bytes(new.encode())
        return f"renewed {path.name}"
    gone = [
        name
        for name, lines in services_of(old).items()
        if name not in services and not DEFINED.search(lines)
    ]
    names = f" names {', '.join(gone)}, which docker-compose.yml has not, and" if gone else ""
    return (
        f"kept {path.name}: it{names} was edited or is of an older version."
        " Delete it and run `make setup` for a new one"
    )
