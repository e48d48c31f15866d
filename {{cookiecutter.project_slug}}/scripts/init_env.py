"""Make `.env` and `docker-compose.override.yml` for this machine; `make setup` runs it.

Both stay out of git. What exists is kept as it is, so it is safe to run again.
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
# A server's variables begin with the name of its compose service, but for this one.
SERVICES = {"POSTGRES": "db"}

OVERRIDE = """\
# This machine only, not committed: Docker Compose lays it over docker-compose.yml by itself.
services:
  # Live reload: the code in ./src in place of the copy in the image.
  micro_service:
    command: >-
      uvicorn src.main:app --host 0.0.0.0 --port 8000 --reload --reload-dir src
      --no-access-log --no-server-header --no-proxy-headers
    volumes:
      - ./src:/app/src:ro
{user}  # The servers: open to this machine and to no other, on the ports that .env names. For that
  # they join the network with a way out.
"""
# Files that only their owner may read are read by that owner, in the container too.
USER = '    user: "{uid}:{gid}"\n'


def settings(text: str) -> dict[str, str]:
    """Read the variables that `.env.example` or `.env` names."""
    return {name: value.strip() for name, value in SETTING.findall(text)}


def server_ports(example: str) -> dict[str, int]:
    """Find the servers' ports, such as `POSTGRES_PORT=5432` beside a `POSTGRES_HOST`."""
    named = settings(example)
    matches = (PORT.fullmatch(name) for name in named)
    return {m[0]: int(named[m[0]]) for m in matches if m and f"{m[1]}_HOST" in named}


def is_free(port: int) -> bool:
    """Try whether a server could listen there."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_ports(example: str) -> dict[str, int]:
    """Step aside for servers that already run here: our passwords would not fit them anyway."""
    ports = server_ports(example)
    for name, usual in list(ports.items()):
        others = {port for other, port in ports.items() if other != name}
        candidates = (port for port in range(usual, 65536) if port not in others)
        ports[name] = next(filter(is_free, candidates))
    return ports


def fill_in(example: str) -> str:
    """Turn `.env.example` into `.env`: each placeholder a secret of its own, each port free."""
    ports = free_ports(example)

    def line(setting: re.Match[str]) -> str:
        name, value = setting.groups()
        if value.strip() == PLACEHOLDER:
            # Letters and digits only: a program that is given it must not take it for an option.
            return f"{name}={secrets.token_hex(32)}"
        return f"{name}={ports[name]}" if name in ports else setting[0]

    return SETTING.sub(line, example)


def override(example: str) -> str:
    """Publish every server that `.env.example` names, and reload the code when it changes."""
    services: dict[str, str] = {}
    for name, port in server_ports(example).items():
        server = name.split("_")[0]
        service = SERVICES.get(server, server.lower())
        variable = "{" + name + "}"
        services.setdefault(service, f"  {service}:\n    networks: [outside]\n    ports:\n")
        services[service] += f'      - "127.0.0.1:${variable}:{port}"\n'
    return OVERRIDE.format(user=user()) + "".join(services.values())


def user() -> str:
    """Name whoever owns the code, unless that is root or the system has no user ids."""
    if not hasattr(os, "getuid") or os.getuid() == 0:
        return ""
    return USER.format(uid=os.getuid(), gid=os.getgid())


def create(path: Path, text: str, mode: int) -> bool:
    """Write a new file that has its mode from the first byte; an existing one always wins."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:
        return False
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except BaseException:  # even Ctrl-C: half a file would be kept for good next time
        path.unlink()
        raise
    return True


def main() -> None:
    """Make what is missing and say what was done."""
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
