"""PostgreSQL, Redis and RabbitMQ as processes of this machine: configuration and command line."""

import secrets
import signal
import sys
from pathlib import Path

from tools.common import machine
from tools.servers.addresses import LOOPBACK, Address
from tools.servers.process_server import ProcessServer
from tools.servers.reaper import Reaper


class PostgreSQL(ProcessServer):
    """A cluster created by initdb. fsync stays on, because tests check durability."""

    accounts = ("postgres",)
    stopping = signal.SIGINT  # "fast" shutdown: SIGTERM would wait for every client to disconnect
    ending = signal.SIGQUIT  # "immediate" shutdown: SIGKILL would leave shared memory behind

    def prepare(self) -> None:
        """Create the cluster; not synced to disk, since it is still empty."""
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
        """Return the command line. Loopback only, no Unix socket: no collision, no path limit."""
        settings = {
            "listen_addresses": self.address.host,
            "port": self.address.port,
            "unix_socket_directories": "",
            "max_connections": 300,
        }
        options = [f"--{key}={value}" for key, value in settings.items()]
        return [str(self._program / "postgres"), "-D", f"{self._folder}/data", *options]


class Redis(ProcessServer):
    """Redis without persistence, as in production: after a restart the cache is empty."""

    accounts = ("redis",)

    def prepare(self) -> None:
        """Write its configuration. The password is in a file, not on the command line."""
        lines = (
            f"bind {self.address.host}",
            f"port {self.address.port}",
            f"requirepass {self.address.password}",
            'save ""',
            "appendonly no",
        )
        self.write("redis.conf", "\n".join(lines) + "\n")

    def command(self) -> list[str]:
        """Return the command line."""
        return [str(self._program), str(self._folder / "redis.conf")]


class RabbitMQ(ProcessServer):
    """A RabbitMQ node with its own name, ports, cookie, data and port mapper (epmd)."""

    accounts = ("rabbitmq",)

    def __init__(self, address: Address, program: Path, reaper: Reaper) -> None:
        """Choose the name and the ports, which two nodes on one machine must not share."""
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
            # The default requires the free disk space of a production broker.
            "disk_free_limit.absolute = 50MB",
        )
        self.write("rabbitmq.conf", "\n".join(lines) + "\n")
        self.write("enabled_plugins", "[].\n")
        self.write("rabbitmq-env.conf", "")

    def command(self) -> list[str]:
        """Start epmd beside it: one started by Erlang would be shared and would never end."""
        script = 'epmd -address 127.0.0.1 -port "$ERL_EPMD_PORT" & exec "$0"'
        return ["sh", "-c", script, str(self._program)]

    def environment(self) -> dict[str, str]:
        """Keep all files of RabbitMQ and Erlang in the folder, and listen on loopback only."""
        folder = str(self._folder)
        # No busy waiting: on a small machine it takes CPU time from the tests.
        erlang = "+sbwt none +sbwtdcpu none +sbwtdio none"
        loopback = "-kernel inet_dist_use_interface {127,0,0,1}"
        return {
            **super().environment(),
            "ERL_EPMD_ADDRESS": LOOPBACK,
            "ERL_EPMD_PORT": str(self._epmd_port),
            "RABBITMQ_NODENAME": self._node,
            "RABBITMQ_NODE_IP_ADDRESS": LOOPBACK,
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
