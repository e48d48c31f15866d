"""Writes `.env` and `docker-compose.override.yml` for this machine; `make setup` runs it.

Git ignores both files. The script never overwrites an existing file, so it is safe to run again.
"""

from __future__ import annotations

import os
import re
import secrets
import socket
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
PLACEHOLDER = "change-me"
SETTING = re.compile(r"^([A-Z][A-Z0-9_]*)=(.*)$", re.MULTILINE)
PORT = re.compile(r"([A-Z]+)_(?:[A-Z]+_)?PORT")
# Prefixes of variables that differ from the name of the server's Compose service.
SERVICES = {"POSTGRES": "db"}

OVERRIDE = """\
# This machine only, not committed: Docker Compose merges it into docker-compose.yml by default.
services:
  # Live reload: mounts ./src over the copy in the image.
  micro_service:
    command: >-
      uvicorn src.main:app --host 0.0.0.0 --port 8000 --reload --reload-dir src
      --no-access-log --no-server-header --no-proxy-headers
    volumes:
      - ./src:/app/src:ro
{user}  # The servers: published on loopback only, on the ports that .env names. A published port
  # needs a network that is not internal.
"""
# The container runs as the owner of the code, so that it can read files with mode 0600.
USER = '    user: "{uid}:{gid}"\n'


def settings(text: str) -> dict[str, str]:
    """Return the variables of an `.env` file and their values."""
    return {name: value.strip() for name, value in SETTING.findall(text)}


def server_ports(example: str) -> dict[str, int]:
    """Return the ports of the servers: `POSTGRES_PORT` counts because `POSTGRES_HOST` exists."""
    named = settings(example)
    matches = (PORT.fullmatch(name) for name in named)
    return {m[0]: int(named[m[0]]) for m in matches if m and f"{m[1]}_HOST" in named}


def is_free(port: int) -> bool:
    """Tell whether a server could listen on this port of the loopback interface."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_ports(example: str) -> dict[str, int]:
    """Return a free port for each server, beside the servers that already run on this machine."""
    ports = server_ports(example)
    for name, usual in list(ports.items()):
        others = {port for other, port in ports.items() if other != name}
        candidates = (port for port in range(usual, 65536) if port not in others)
        ports[name] = next(filter(is_free, candidates))
    return ports


def fill_in(example: str) -> str:
    """Return the text of `.env`: the example with fresh secrets and free ports."""
    ports = free_ports(example)

    def line(setting: re.Match[str]) -> str:
        name, value = setting.groups()
        if value.strip() == PLACEHOLDER:
            # Letters and digits only, so that no program mistakes the secret for an option.
            return f"{name}={secrets.token_hex(32)}"
        return f"{name}={ports[name]}" if name in ports else setting[0]

    return SETTING.sub(line, example)


def override(example: str) -> str:
    """Return the Compose override: live reload, and a published port for each server."""
    services: dict[str, str] = {}
    for name, port in server_ports(example).items():
        server = name.split("_")[0]
        service = SERVICES.get(server, server.lower())
        variable = "{" + name + "}"
        services.setdefault(service, f"  {service}:\n    networks: [outside]\n    ports:\n")
        services[service] += f'      - "127.0.0.1:${variable}:{port}"\n'
    return OVERRIDE.format(user=user()) + "".join(services.values())


def user() -> str:
    """Return the `user:` line of the code's owner; none for root or without user ids."""
    if not hasattr(os, "getuid") or os.getuid() == 0:
        return ""
    return USER.format(uid=os.getuid(), gid=os.getgid())


def create(path: Path, text: str, mode: int) -> bool:
    """Create a file with its mode set from the start. Return False if the file already exists."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:
        return False
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except BaseException:  # Ctrl-C too: a later run would keep the partial file
        path.unlink()
        raise
    return True


def main() -> None:
    """Write the missing files and print what was written and what was kept."""
    example = (PROJECT / ".env.example").read_text(encoding="utf-8")
    env = PROJECT / ".env"
    if create(env, fill_in(example), mode=0o600):
        sys.stdout.write("wrote .env: fresh secrets, readable by you alone\n")
    else:
        known = settings(env.read_text(encoding="utf-8"))
        missing = [name for name in settings(example) if name not in known]
        hint = f", but .env.example also names {', '.join(missing)}" if missing else ""
        sys.stdout.write(f"kept .env{hint}\n")
    if create(PROJECT / "docker-compose.override.yml", override(example), mode=0o644):
        sys.stdout.write("wrote docker-compose.override.yml: local ports, live reload\n")
    else:
        sys.stdout.write("kept docker-compose.override.yml\n")


if __name__ == "__main__":
    try:
        main()
    except OSError as error:
        sys.exit(f"init_env: {error}")
