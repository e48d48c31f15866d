"""One variant of the service as containers, started as its owner would and inspected."""

from __future__ import annotations

import json
import os
import re
import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx2

from tools.common.errors import ToolError
from tools.common.machine import free_port
from tools.common.processes import run
from tools.common.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

PASSWORD = "violet-kettle-93-harbour"  # noqa: S105 -- of users that exist for one test
PRODUCTION = ("docker-compose.yml",)
PROXY = (*PRODUCTION, "docker-compose.proxy.yml")


@dataclass(frozen=True)
class Variant:
    """Answers to the prompts, and the servers of the resulting service."""

    name: str
    answers: dict[str, object]
    servers: tuple[str, ...]

    @property
    def services(self) -> set[str]:
        """The services that `docker compose ps` shows."""
        return {"micro_service", "consume_worker", *self.servers}


NO_REDIS = {"use_redis": "no"}
NO_RABBITMQ = {"use_rabbitmq": "no"}
VARIANTS = (
    Variant("default", {}, ("db", "redis", "rabbitmq")),
    Variant("smallest", {**NO_REDIS, **NO_RABBITMQ}, ("db",)),
)
# Made of the same parts: only their first start is tested.
BETWEEN = (
    Variant("redis", {**NO_RABBITMQ}, ("db", "redis")),
    Variant("rabbitmq", {**NO_REDIS}, ("db", "rabbitmq")),
)


def docker(*words: str, within: float = 120) -> str:
    """Run a docker command and return its output; raise `ToolError` if it fails."""
    return run("docker", *words, within=within)


@dataclass
class Stack:
    """A rendered service. Its folder's name, containers, image and port are unique.

    `registered` are the users that were confirmed: none may be lost.
    """

    folder: Path
    variant: Variant
    port: int = field(default_factory=free_port)
    files: tuple[str, ...] = ()
    registered: set[str] = field(default_factory=set)

    @property
    def settings(self) -> dict[str, str]:
        """The rendered settings of this machine: ports and secrets."""
        lines = (self.folder / ".env").read_text(encoding="utf-8").splitlines()
        return dict(line.split("=", 1) for line in lines if re.match(r"[A-Z_]+=", line))

    @property
    def secrets(self) -> dict[str, str]:
        """The settings that are secrets."""
        found = {n: v for n, v in self.settings.items() if n.endswith(("_PASSWORD", "_KEY"))}
        assert len(found) == len(self.variant.servers) + 1, (
            "one for each server, and the signing key"
        )
        return found

    @property
    def image_name(self) -> str:
        """The name of the service's image: that of its Compose project."""
        return self.settings["COMPOSE_PROJECT_NAME"]

    @property
    def url(self) -> str:
        """The address of the published port."""
        return f"http://127.0.0.1:{self.port}"

    def compose(self, *words: str, within: float = 600) -> str:
        """Run a Docker Compose command in the service's folder, with the current Compose files."""
        files = [word for file in self.files for word in ("-f", file)]
        settings = {**os.environ, "APP_PORT": str(self.port)}
        command = ("docker", "compose", *files, *words)
        return run(*command, within=within, cwd=self.folder, environment=settings)

    def up(self, *words: str, files: tuple[str, ...] = ()) -> float:
        """Start all services and wait until they are healthy; return the seconds that took."""
        self.files = files
        begun = time.monotonic()
        try:
            self.compose("up", "--build", "--detach", "--wait", "--remove-orphans", *words)
        except ToolError as error:
            error.add_note(self.compose("logs", "--no-color", "--tail", "20"))
            raise
        return time.monotonic() - begun

    def down(self) -> None:
        """Remove all containers, volumes, networks and images of this stack."""
        self.compose("down", "--volumes", "--remove-orphans", "--rmi", "local")

    def containers(self, service: str) -> list[str]:
        """Return the ids of a service's containers, stopped ones included."""
        return self.compose("ps", "--all", "--quiet", service).split()

    def inspect(self, service: str) -> dict[str, Any]:
        """Return `docker inspect` of a service's first container."""
        found: dict[str, Any] = json.loads(docker("inspect", self.containers(service)[0]))[0]
        return found

    def image(self) -> dict[str, Any]:
        """Return `docker image inspect` of the service's image."""
        found: dict[str, Any] = json.loads(docker("image", "inspect", self.image_name))[0]
        return found

    def crash(self, service: str) -> None:
        """Kill a service's first process, and wait until Docker has restarted it."""
        before = self.inspect(service)
        # From the host's process namespace: inside, the first process ignores SIGKILL, and after
        # `docker kill` Docker does not restart the container.
        options = ("--rm", "--pid", "host", "--user", "0", "--entrypoint", "sh")
        docker("run", *options, self.image_name, "-c", f"kill -9 {before['State']['Pid']}")

        def is_back() -> bool:
            now = self.inspect(service)
            return bool(now["RestartCount"] > before["RestartCount"] and now["State"]["Running"])

        eventually(f"{service} was restarted", is_back, within=120)

    def shell(self, service: str, script: str, *options: str) -> str:
        """Run a script in a service's first container."""
        return self.compose("exec", "-T", *options, service, "sh", "-c", script)

    def sql(self, query: str) -> str:
        """Query the database directly."""
        psql = f'psql -qtA -h 127.0.0.1 -U "$POSTGRES_USER" "$POSTGRES_DB" -c "{query}"'
        return self.shell("db", f'PGPASSWORD="$POSTGRES_PASSWORD" {psql}')

    def is_healthy(self) -> bool:
        """Return whether every expected service is healthy."""
        lines = self.compose("ps", "--format", "json").splitlines()
        states = {row["Service"]: row["Health"] for row in map(json.loads, lines)}
        expected = self.variant.services
        return all(states.get(service) == "healthy" for service in expected)

    def register(self) -> bool:
        """Register a user; return whether the service confirmed it, which `registered` keeps."""
        body = {"email": f"{secrets.token_hex(8)}@example.com", "password": PASSWORD}
        try:
            answer = httpx2.post(f"{self.url}/api/v1/auth/register", json=body, timeout=10)
        except httpx2.TransportError:
            return False
        if answer.status_code == httpx2.codes.CREATED:
            self.registered.add(answer.json()["id"])
        return answer.status_code == httpx2.codes.CREATED

    def missing(self) -> set[str]:
        """Return the registered users without exactly one notification."""
        lines = self.sql("SELECT user_id || ' ' || count(*) FROM notifications GROUP BY user_id")
        counts = dict(line.split() for line in lines.splitlines())
        return {user for user in self.registered if counts.get(user) != "1"}

    def settle(self) -> None:
        """Require that every registered user exists and gets exactly one notification."""
        eventually("every user has one notification", lambda: not self.missing(), within=180)
        assert self.registered <= set(self.sql("SELECT id FROM users").split())
