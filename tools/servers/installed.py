"""Servers installed on this machine: where their programs are."""

import secrets
import shutil
from collections.abc import Callable
from pathlib import Path

from tools.common import machine
from tools.servers.addresses import LOOPBACK, Address, Kind
from tools.servers.local import PostgreSQL, RabbitMQ, Redis
from tools.servers.process_server import ProcessServer
from tools.servers.reaper import Reaper


def _postgresql_folder() -> Path | None:
    """Return the newest folder that has initdb and postgres; on Debian it is not in the PATH."""
    patterns = ("lib/postgresql/*/bin", "pgsql-*/bin")
    found = [path for pattern in patterns for path in Path("/usr").glob(pattern)]
    found += Path("/opt/homebrew/opt").glob("postgresql*/bin")
    found.sort(key=lambda path: [int(word) for word in str(path).split("/") if word.isdigit()])
    if on_path := shutil.which("initdb"):
        found.append(Path(on_path).resolve().parent)
    both = [p for p in found if (p / "initdb").exists() and (p / "postgres").exists()]
    return both[-1] if both else None


def _rabbitmq_program() -> Path | None:
    """Return the server's own script; Debian's script in the PATH requires its own account."""
    own = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
    found = str(own) if own.exists() else shutil.which("rabbitmq-server")
    return Path(found) if found and shutil.which("epmd") else None


def _redis_program() -> Path | None:
    found = shutil.which("redis-server")
    return Path(found) if found else None


_PROGRAMS: dict[Kind, Callable[[], Path | None]] = {
    "postgres": _postgresql_folder,
    "redis": _redis_program,
    "rabbitmq": _rabbitmq_program,
}
_SERVERS: dict[Kind, tuple[type[ProcessServer], str, str]] = {
    "postgres": (PostgreSQL, "postgres", "postgres"),
    "redis": (Redis, "", ""),
    "rabbitmq": (RabbitMQ, "app", "/"),
}


def present(kind: Kind) -> bool:
    """Return whether a server of this kind is installed."""
    return _PROGRAMS[kind]() is not None


def find(kind: Kind, reaper: Reaper) -> ProcessServer | None:
    """Return a server of this kind, not started, if it is installed."""
    program = _PROGRAMS[kind]()
    if program is None:
        return None
    server, user, name = _SERVERS[kind]
    address = Address(kind, LOOPBACK, machine.free_port(), user, secrets.token_hex(12), name)
    return server(address, program, reaper)
