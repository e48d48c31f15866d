"""Servers in Docker containers: the official images, each on a loopback port of its own."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from tools.common.docker import docker
from tools.common.errors import ToolError
from tools.common.machine import free_port
from tools.servers.addresses import LOOPBACK, TITLES, Address, Kind
from tools.servers.reaper import Reaper
from tools.servers.server import Server

_PULL_WITHIN = 900.0


@dataclass(frozen=True, slots=True)
class _Recipe:
    image: str
    port: int
    environment: dict[str, str] = field(default_factory=dict)
    command: tuple[str, ...] = ()


def _postgres(address: Address) -> _Recipe:
    login = {
        "POSTGRES_USER": address.user,
        "POSTGRES_PASSWORD": address.password,
        "POSTGRES_DB": address.name,
        "LANG": "C.UTF-8",
    }
    return _Recipe("postgres:18", 5432, login, ("postgres", "-c", "max_connections=300"))


def _redis(address: Address) -> _Recipe:
    options = ("--save", "", "--appendonly", "no", "--requirepass", address.password)
    return _Recipe("redis:8", 6379, command=("redis-server", *options))


def _rabbitmq(address: Address) -> _Recipe:
    login = {
        "RABBITMQ_DEFAULT_USER": address.user,
        "RABBITMQ_DEFAULT_PASS": address.password,
        "RABBITMQ_DEFAULT_VHOST": address.name,
    }
    return _Recipe("rabbitmq:4-management", 5672, login)


_RECIPES: dict[Kind, Callable[[Address], _Recipe]] = {
    "postgres": _postgres,
    "redis": _redis,
    "rabbitmq": _rabbitmq,
}


class ContainerServer(Server):
    """One container. Not `--rm`: it must survive a stop, so that a test can start it again."""

    def __init__(self, kind: Kind, reaper: Reaper) -> None:
        """Choose its name, port and password."""
        user, name = {"postgres": ("app", "app"), "redis": ("", ""), "rabbitmq": ("app", "/")}[kind]
        password = secrets.token_hex(12)
        address = Address(kind, LOOPBACK, free_port(), user, password, name)
        self._recipe = _RECIPES[kind](address)
        super().__init__(address, f"in Docker, {self._recipe.image}")
        self._name = f"template-{kind}-{secrets.token_hex(4)}"
        self._reaper = reaper
        self._created = False

    def fetch(self, say: Callable[[str], None]) -> bool:
        """Pull the image if it is missing; return whether it is here."""
        image = self._recipe.image
        if docker("image", "inspect", image).returncode == 0:
            return True
        say(f"{TITLES[self.address.kind]}: pulling {image}, the first time only")
        answer = docker("pull", "--quiet", image, within=_PULL_WITHIN)
        if answer.returncode != 0:
            reason = (answer.stdout.strip().splitlines() or ["no reason given"])[-1]
            say(f"{TITLES[self.address.kind]}: cannot pull {image} ({reason})")
        return answer.returncode == 0

    def launch(self) -> None:
        """Create the container, or start it again with its data and on its port."""
        if self._created:
            self._call("start")
            return
        self._reaper.container(self._name)
        recipe = self._recipe
        options = ["--detach", "--name", self._name]
        options += ["--publish", f"{self.address.host}:{self.address.port}:{recipe.port}"]
        for key, value in recipe.environment.items():
            options += ["--env", f"{key}={value}"]
        answer = docker("run", *options, recipe.image, *recipe.command)
        if answer.returncode != 0:
            raise ToolError(self._failure(answer.stdout.strip()))
        self._created = True

    def stop(self) -> None:
        """Shut it down with the signal its image names."""
        self._call("stop")

    def kill(self) -> None:
        """End it with SIGKILL."""
        self._call("kill")

    def pause(self) -> None:
        """Freeze all its processes."""
        self._call("pause")

    def resume(self) -> None:
        """Continue all its processes."""
        self._call("unpause")

    def control(self, *words: str) -> None:
        """Run a command in the container."""
        answer = docker("exec", self._name, *words)
        if answer.returncode != 0:
            text = f"{words[0]} in {self._name}: {answer.stdout.strip()}"
            raise ToolError(text)

    def trouble(self) -> str | None:
        """Return the container's state if it has ended, else None."""
        answer = docker("inspect", "--format", "{{.State.Status}}", self._name)
        status = answer.stdout.strip()
        return f"its container is {status}" if status in {"exited", "dead"} else None

    def log(self) -> str:
        """Return the last lines of the container's output."""
        lines = docker("logs", "--tail", "15", self._name).stdout.splitlines()
        return "\n".join(f"    {line}" for line in lines)

    def _call(self, verb: str) -> None:
        answer = docker(verb, self._name)
        if answer.returncode != 0:
            text = f"docker {verb} {self._name}: {answer.stdout.strip()}"
            raise ToolError(text)
