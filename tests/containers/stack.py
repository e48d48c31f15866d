"""One variant of the service, as containers: started as its owner would, looked at from outside."""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx2

from tools.machine import free_port

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PASSWORD = "violet-kettle-93-harbour"  # noqa: S105 -- of users that last for a test
PRODUCTION = ("docker-compose.yml",)
PROXY = (*PRODUCTION, "docker-compose.proxy.yml")


@dataclass(frozen=True)
class Variant:
    """Answers to the prompts, and the servers that those give a service."""

    name: str
    answers: dict[str, object]
    servers: tuple[str, ...]

    @property
    def services(self) -> set[str]:
        """What `docker compose ps` shows."""
        return {"micro_service", "consume_worker", *self.servers}


NO_REDIS, NO_RABBITMQ = {"use_redis": "no"}, {"use_rabbitmq": "no"}
VARIANTS = (
    Variant("default", {}, ("db", "redis", "rabbitmq")),
    Variant("smallest", {**NO_REDIS, **NO_RABBITMQ}, ("db",)),
)
# Made of the same parts: their first start is tested, and what holds for both others is not.
BETWEEN = (
    Variant("redis", {**NO_RABBITMQ}, ("db", "redis")),
    Variant("rabbitmq", {**NO_REDIS}, ("db", "rabbitmq")),
)


def docker(*words: str, within: float = 120) -> str:
    """Run a command of Docker's and return what it printed, or fail with that."""
    return run("docker", *words, within=within)


def run(
    *words: str,
    within: float = 120,
    cwd: Path | None = None,
    env: dict[str, str] | None = None,
) -> str:
    """Run a command and return what it printed, or fail with that."""
    done = subprocess.run(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        check=False,
        timeout=within,
        cwd=cwd,
        env=env,
    )
    assert done.returncode == 0, f"{' '.join(words)}: {done.returncode}\n{done.stdout[-4000:]}"
    return done.stdout.strip()


def eventually(question: str, answer: Callable[[], object], within: float = 120) -> None:
    """Fail with the question if the answer stays false."""
    deadline = time.monotonic() + within
    while not answer():
        assert time.monotonic() < deadline, question
        time.sleep(0.2)


@dataclass
class Stack:
    """A rendered service; its folder's name is unique, and so are its containers, image and port.

    `registered` are the users whose registration was confirmed: none may ever be lost.
    """

    folder: Path
    variant: Variant
    port: int = field(default_factory=free_port)
    files: tuple[str, ...] = ()
    registered: set[str] = field(default_factory=set)

    @property
    def settings(self) -> dict[str, str]:
        """Read what rendering wrote for this machine: ports and secrets."""
        lines = (self.folder / ".env").read_text(encoding="utf-8").splitlines()
        return dict(line.split("=", 1) for line in lines if re.match(r"[A-Z_]+=", line))

    @property
    def secrets(self) -> dict[str, str]:
        """Name those of the settings that nobody may see."""
        found = {n: v for n, v in self.settings.items() if n.endswith(("_PASSWORD", "_KEY"))}
        assert len(found) == len(self.variant.servers) + 1, "one for each, and the signing key"
        return found

    @property
    def url(self) -> str:
        """Where the published port is."""
        return f"http://127.0.0.1:{self.port}"

    def compose(self, *words: str, within: float = 600) -> str:
        """Run a command of Docker Compose in the service's folder, with the files now in use."""
        files = [word for file in self.files for word in ("-f", file)]
        settings = {**os.environ, "APP_PORT": str(self.port)}
        command = ("docker", "compose", *files, *words)
        return run(*command, within=within, cwd=self.folder, env=settings)

    def up(self, *words: str, files: tuple[str, ...] = ()) -> float:
        """Start everything and wait until it is healthy; return the seconds that took."""
        self.files = files
        begun = time.monotonic()
        try:
            self.compose("up", "--build", "--detach", "--wait", "--remove-orphans", *words)
        except AssertionError as error:
            error.add_note(self.compose("logs", "--no-color", "--tail", "20"))
            raise
        return time.monotonic() - begun

    def down(self) -> None:
        """Remove all that was made for this stack."""
        self.compose("down", "--volumes", "--remove-orphans", "--rmi", "local")

    def containers(self, service: str) -> list[str]:
        """Name a service's containers, stopped ones too."""
        return self.compose("ps", "--all", "--quiet", service).split()

    def inspect(self, service: str) -> dict[str, Any]:
        """Say what Docker knows of a service's first container."""
        found: dict[str, Any] = json.loads(docker("inspect", self.containers(service)[0]))[0]
        return found

    def image(self) -> dict[str, Any]:
        """Say what Docker knows of the service's image."""
        found: dict[str, Any] = json.loads(docker("image", "inspect", self.folder.name))[0]
        return found

    def crash(self, service: str) -> None:
        """Kill a service's first process, and wait until Docker has started it again by itself."""
        before = self.inspect(service)
        # From outside, since it cannot be from inside; `docker kill` would count as a stop.
        options = ("--rm", "--pid", "host", "--user", "0", "--entrypoint", "sh")
        docker("run", *options, self.folder.name, "-c", f"kill -9 {before['State']['Pid']}")

        def is_back() -> bool:
            now = self.inspect(service)
            return bool(now["RestartCount"] > before["RestartCount"] and now["State"]["Running"])

        eventually(f"{service} was started again", is_back)

    def shell(self, service: str, script: str, *options: str) -> str:
        """Run a script inside a service's first container."""
        return self.compose("exec", "-T", *options, service, "sh", "-c", script)

    def sql(self, query: str) -> str:
        """Ask the database, past the service."""
        psql = f'psql -qtA -h 127.0.0.1 -U "$POSTGRES_USER" "$POSTGRES_DB" -c "{query}"'
        return self.shell("db", f'PGPASSWORD="$POSTGRES_PASSWORD" {psql}')

    def is_healthy(self) -> bool:
        """Tell whether every container that should run is healthy."""
        lines = self.compose("ps", "--format", "json").splitlines()
        states = {row["Service"]: row["Health"] for row in map(json.loads, lines)}
        expected = self.variant.services
        return all(states.get(service) == "healthy" for service in expected)

    def register(self) -> bool:
        """Open an account, and remember it if the service said that it did."""
        body = {"email": f"{secrets.token_hex(8)}@example.com", "password": PASSWORD}
        try:
            answer = httpx2.post(f"{self.url}/api/v1/auth/register", json=body, timeout=10)
        except httpx2.TransportError:
            return False
        if answer.status_code == httpx2.codes.CREATED:
            self.registered.add(answer.json()["id"])
        return answer.status_code == httpx2.codes.CREATED

    def missing(self) -> set[str]:
        """Name the users who were not welcomed, or more than once."""
        lines = self.sql("SELECT user_id || ' ' || count(*) FROM notifications GROUP BY user_id")
        welcomed = dict(line.split() for line in lines.splitlines())
        return {user for user in self.registered if welcomed.get(user) != "1"}

    def settle(self) -> None:
        """Insist that every registered user is there, and is welcomed exactly once."""
        eventually("every event arrived once", lambda: not self.missing(), within=180)
        assert self.registered <= set(self.sql("SELECT id FROM users").split())
