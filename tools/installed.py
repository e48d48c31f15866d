"""Servers installed on this machine: where they are, and how each is run on its own."""

import secrets
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from tools import machine
from tools.addresses import Address, Kind
from tools.processes import ProcessServer
from tools.reaper import Reaper

_LOOPBACK = "127.0.0.1"


class PostgreSQL(ProcessServer):
    """A cluster made by initdb. fsync stays on, because durability is what tests ask about."""

    accounts = ("postgres",)
    stopping = signal.SIGINT  # "fast": SIGTERM would wait for every client to leave
    ending = signal.SIGQUIT  # "immediate", which SIGKILL is not: that leaves shared memory behind

    def prepare(self) -> None:
        """Make the cluster; not synced to disk, since nothing is in it yet."""
        password = self.write("password", self.address.password)
        self.run(
            str(self._program / "initdb"),
            f"--pgdata={self._folder}/data",
            f"--username={self.address.user}",
            f"--pwfile={password}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            f"--locale={'C.UTF-8' if sys.platform == 'linux' else 'C'}",
            "--no-sync",
        )

    def command(self) -> list[str]:
        """Listen on loopback only. No Unix socket: nothing to collide with, no length limit."""
        settings = {
            "listen_addresses": self.address.host,
            "port": self.address.port,
            "unix_socket_directories": "",
            "max_connections": 300,
        }
        options = [f"--{key}={value}" for key, value in settings.items()]
        return [str(self._program / "postgres"), "-D", f"{self._folder}/data", *options]


class Redis(ProcessServer):
    """Nothing on disk, as in production: a restart is an empty cache."""

    accounts = ("redis",)

    def prepare(self) -> None:
        """Write its configuration; the password is in a file and not on the command line."""
        lines = (
            f"bind {self.address.host}",
            f"port {self.address.port}",
            f"requirepass {self.address.password}",
            'save ""',
            "appendonly no",
        )
        self.write("redis.conf", "\n".join(lines) + "\n")

    def command(self) -> list[str]:
        """Run it with that configuration."""
        return [str(self._program), str(self._folder / "redis.conf")]


class RabbitMQ(ProcessServer):
    """A node with its own name, ports, cookie, data and port mapper (epmd)."""

    accounts = ("rabbitmq",)

    def __init__(self, address: Address, program: Path, reaper: Reaper) -> None:
        """Choose what two nodes on one machine must not share."""
        super().__init__(address, program, reaper)
        self._node = f"template-{secrets.token_hex(4)}@localhost"
        self._epmd_port = machine.free_port()
        self._distribution_port = machine.free_port()

    def prepare(self) -> None:
        """Write its configuration."""
        lines = (
            f"default_user = {self.address.user}",
            f"default_pass = {self.address.password}",
            f"default_vhost = {self.address.name}",
            # The default asks for as much free disk as a production broker wants.
            "disk_free_limit.absolute = 50MB",
        )
        self.write("rabbitmq.conf", "\n".join(lines) + "\n")
        self.write("enabled_plugins", "[].\n")
        self.write("rabbitmq-env.conf", "")

    def command(self) -> list[str]:
        """Run epmd beside it: one started by Erlang would be shared, and stay for ever."""
        script = 'epmd -address 127.0.0.1 -port "$ERL_EPMD_PORT" & exec "$0"'
        return ["sh", "-c", script, str(self._program)]

    def environment(self) -> dict[str, str]:
        """Point everything RabbitMQ and Erlang keep into the folder, and listen on loopback."""
        folder = str(self._folder)
        # No busy waiting: on a small machine it takes the time the tests need.
        erlang = "+sbwt none +sbwtdcpu none +sbwtdio none"
        loopback = "-kernel inet_dist_use_interface {127,0,0,1}"
        return {
            **super().environment(),
            "ERL_EPMD_ADDRESS": _LOOPBACK,
            "ERL_EPMD_PORT": str(self._epmd_port),
            "RABBITMQ_NODENAME": self._node,
            "RABBITMQ_NODE_IP_ADDRESS": _LOOPBACK,
            "RABBITMQ_NODE_PORT": str(self.address.port),
            "RABBITMQ_DIST_PORT": str(self._distribution_port),
            "RABBITMQ_CONF_ENV_FILE": f"{folder}/rabbitmq-env.conf",
            "RABBITMQ_CONFIG_FILE": f"{folder}/rabbitmq",
            "RABBITMQ_ADVANCED_CONFIG_FILE": f"{folder}/advanced",
            "RABBITMQ_GENERATED_CONFIG_DIR": f"{folder}/generated",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{folder}/enabled_plugins",
            "RABBITMQ_PID_FILE": f"{folder}/pid",
            "RABBITMQ_MNESIA_BASE": f"{folder}/data",
            "RABBITMQ_LOG_BASE": f"{folder}/logs",
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": f"{erlang} {loopback}",
        }


def _postgresql_folder() -> Path | None:
    """Find the newest folder that has initdb and postgres; Debian keeps it out of the PATH."""
    patterns = ("lib/postgresql/*/bin", "pgsql-*/bin")
    found = [path for pattern in patterns for path in Path("/usr").glob(pattern)]
    found += Path("/opt/homebrew/opt").glob("postgresql*/bin")
    found.sort(key=lambda path: [int(word) for word in str(path).split("/") if word.isdigit()])
    if on_path := shutil.which("initdb"):
        found.append(Path(on_path).resolve().parent)
    both = [p for p in found if (p / "initdb").exists() and (p / "postgres").exists()]
    return both[-1] if both else None


def _rabbitmq_program() -> Path | None:
    """Find the server's own script; the one Debian puts into the PATH insists on its account."""
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
    """Tell whether a server of this kind is installed."""
    return _PROGRAMS[kind]() is not None


def find(kind: Kind, reaper: Reaper) -> ProcessServer | None:
    """Give a server of this kind, not started, if it is installed."""
    program = _PROGRAMS[kind]()
    if program is None:
        return None
    server, user, name = _SERVERS[kind]
    port, password = machine.free_port(), secrets.token_hex(12)
    return server(Address(kind, _LOOPBACK, port, user, password, name), program, reaper)
