"""Servers from Docker: the official images, on loopback ports of their own."""

import os
import secrets
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

from tools.addresses import TITLES, Address, Kind
from tools.errors import ToolError
from tools.machine import free_port
from tools.reaper import Reaper
from tools.server import Server

_ENGINE_ANSWERS_WITHIN = 15.0
_PULL_WITHIN = 900.0
_COMMAND_WITHIN = 120.0


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


def _docker(*words: str, within: float = _COMMAND_WITHIN) -> subprocess.CompletedProcess[str]:
    # In a session of its own: a Ctrl-C must reach this program, which cleans up, and not Docker's.
    try:
        return subprocess.run(
            ["docker", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            check=False,
            timeout=within,
            start_new_session=True,
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(words, 124, f"no answer in {within:.0f} s")


@cache
def obstacle() -> str | None:
    """Say why Docker cannot be used here, or None if it can."""
    if shutil.which("docker") is None:
        return "there is no docker command"
    if os.environ.get("DOCKER_HOST", "").startswith(("tcp://", "ssh://")):
        return "DOCKER_HOST names another machine, whose loopback ports are out of reach"
    answer = _docker("version", "--format", "{{.Server.Version}}", within=_ENGINE_ANSWERS_WITHIN)
    return None if answer.returncode == 0 else "no Docker Engine answers"


class ContainerServer(Server):
    """One container. Not `--rm`: it must survive a stop, so that a test can start it again."""

    def __init__(self, kind: Kind, reaper: Reaper) -> None:
        """Choose its name, port and password."""
        user, name = {"postgres": ("app", "app"), "redis": ("", ""), "rabbitmq": ("app", "/")}[kind]
        password = secrets.token_hex(12)
        address = Address(kind, "127.0.0.1", free_port(), user, password, name)
        self._recipe = _RECIPES[kind](address)
        super().__init__(address, f"in Docker, {self._recipe.image}")
        self._name = f"template-{kind}-{secrets.token_hex(4)}"
        self._reaper = reaper
        self._made = False

    def fetch(self, say: Callable[[str], None]) -> bool:
        """Make sure that the image is here; say so if it cannot be had."""
        image = self._recipe.image
        if _docker("image", "inspect", image).returncode == 0:
            return True
        say(f"{TITLES[self.address.kind]}: pulling {image}, the first time only")
        answer = _docker("pull", "--quiet", image, within=_PULL_WITHIN)
        if answer.returncode != 0:
            reason = (answer.stdout.strip().splitlines() or ["no reason given"])[-1]
            say(f"{TITLES[self.address.kind]}: cannot pull {image} ({reason})")
        return answer.returncode == 0

    def launch(self) -> None:
        """Make the container, or start it again with its data and on its port."""
        if self._made:
            self._do("start")
            return
        self._reaper.container(self._name)
        recipe = self._recipe
        options = ["--detach", "--name", self._name]
        options += ["--publish", f"{self.address.host}:{self.address.port}:{recipe.port}"]
        for key, value in recipe.environment.items():
            options += ["--env", f"{key}={value}"]
        answer = _docker("run", *options, recipe.image, *recipe.command)
        if answer.returncode != 0:
            raise ToolError(self._failure(answer.stdout.strip()))
        self._made = True

    def stop(self) -> None:
        """Shut it down with the signal its image names."""
        self._do("stop")

    def kill(self) -> None:
        """End it with SIGKILL."""
        self._do("kill")

    def pause(self) -> None:
        """Freeze it."""
        self._do("pause")

    def resume(self) -> None:
        """Let it go on."""
        self._do("unpause")

    def trouble(self) -> str | None:
        """Tell whether the container has ended."""
        answer = _docker("inspect", "--format", "{{.State.Status}}", self._name)
        status = answer.stdout.strip()
        return f"its container is {status}" if status in {"exited", "dead"} else None

    def log(self) -> str:
        """Give the last lines of the container's output."""
        lines = _docker("logs", "--tail", "15", self._name).stdout.splitlines()
        return "\n".join(f"    {line}" for line in lines)

    def _do(self, verb: str) -> None:
        answer = _docker(verb, self._name)
        if answer.returncode != 0:
            text = f"docker {verb} {self._name}: {answer.stdout.strip()}"
            raise ToolError(text)
