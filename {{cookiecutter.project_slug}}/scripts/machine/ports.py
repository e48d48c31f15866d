"""Chooses free ports on this machine, and names the ones in use. Standard library only."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from itertools import chain
from pathlib import Path

from scripts.machine.env_file import SetupError, read, settings

# The settings of published ports, by the Compose service that listens: port outside → inside.
APP_PORT = "APP_PORT"
SERVERS: dict[str, dict[str, int]] = {
    "db": {"POSTGRES_PORT": 5432},
    # {% if cookiecutter.use_redis %}
    "redis": {"REDIS_PORT": 6379},
    # {% endif %}
    # {% if cookiecutter.use_rabbitmq %}
    "rabbitmq": {"RABBITMQ_PORT": 5672, "RABBITMQ_MANAGEMENT_PORT": 15672},
    # {% endif %}
}
LOOPBACK = ("", "localhost", "127.0.0.1", "::1")
LAST = 65535
DIGITS = 5


def number(name: str, value: str, file: str) -> int:
    """Return the number of a port, or say which value of which file is not one."""
    if value.isascii() and value.isdigit() and len(value) <= DIGITS and 0 < int(value) <= LAST:
        return int(value)
    raise SetupError(f"{file}: {name} must be a port from 1 to {LAST}, not {value!r}")


def is_free(port: int) -> bool:
    """Tell whether a server could listen on this port of the loopback interface."""
    with socket.socket() as client:
        client.settimeout(1)
        if client.connect_ex(("127.0.0.1", port)) == 0:
            return False
    with socket.socket() as server:
        if os.name == "posix":  # connections that have just ended do not count
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            server.bind(("127.0.0.1", port))
        except PermissionError:  # below 1024: Docker may use it
            return True
        except OSError:
            return False
    return True


def next_free(usual: int, taken: set[int]) -> int:
    """Return the first free port from the usual one on."""
    candidates = chain(range(usual, LAST + 1), range(1024, usual))
    return next(port for port in candidates if port not in taken and is_free(port))


def published(services: dict[str, str]) -> dict[str, int]:
    """Return the port settings of the Compose services that exist, with their usual values."""
    names = {APP_PORT: 8000}
    for service, ports in SERVERS.items():
        names |= ports if service in services else {}
    return names


def server_of(name: str) -> str:
    """Return the prefix that a server's settings share."""
    return name.partition("_")[0]


def is_local(name: str, values: dict[str, str]) -> bool:
    """Tell whether a port belongs to this machine, and not to a server elsewhere."""
    return values.get(f"{server_of(name)}_HOST", "") in LOOPBACK


def choose(names: dict[str, int], values: dict[str, str], taken: set[int]) -> dict[str, int]:
    """Return a free port for each setting, different from all others."""
    wanted = {
        name: number(name, values.get(name, str(usual)), ".env.example")
        for name, usual in names.items()
        if is_local(name, values)
    }
    chosen: dict[str, int] = {}
    for name, usual in wanted.items():
        others = {port for other, port in {**wanted, **chosen}.items() if other != name}
        chosen[name] = next_free(usual, taken | others)
    return chosen


def of_neighbours(project: Path, names: dict[str, int]) -> set[int]:
    """Return the ports in the `.env` of services in the folders beside this one."""
    found: set[int] = set()
    for env in project.parent.glob("*/.env"):
        if env.parent == project or not os.access(env, os.R_OK) or not env.is_file():
            continue
        with suppress(OSError, SetupError):
            values = settings(read(env))
            found |= {number(name, values[name], env.name) for name in names if values.get(name)}
    return found
