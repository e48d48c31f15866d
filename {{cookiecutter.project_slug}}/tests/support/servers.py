"""Real servers: those that the environment names, else containers for this run."""

import os
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml
from docker.errors import DockerException  # type: ignore[import-untyped]
from testcontainers.core.container import DockerContainer

COMPOSE = Path(__file__).parents[2] / "docker-compose.yml"
NO_SERVER = (
    "The tests need {name}: start Docker, or name a server with {name}_HOST, {name}_PORT and so on"
    " in the environment. The tests do not read .env. ({cause})"
)


@dataclass(frozen=True, kw_only=True)
class Server:
    """The container of a server, and the settings of the service that fit it."""

    image: str
    port: int
    command: str | None = None
    variables: dict[str, str] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)


def compose_image(service: str) -> str:
    """Return the image that docker-compose.yml gives a server: tests and Compose run the same."""
    compose = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))
    return str(compose["services"][service]["image"])


SETTINGS = (
    *("HOST", "PORT", "USER", "USERNAME", "PASSWORD", "DB", "VHOST"),
    *("POOLER", "DIRECT_HOST", "DIRECT_PORT"),
)
SERVERS = {
    "POSTGRES": Server(
        image=compose_image("db"),
        port=5432,
        command="postgres -c fsync=off",
        variables={"POSTGRES_USER": "test", "POSTGRES_PASSWORD": "test", "POSTGRES_DB": "test"},
        settings={"USER": "test", "PASSWORD": "test", "DB": "test"},
    ),
}
"""Servers by the prefix of their settings. Modules in tests/fixtures/ add their own."""
RUN_SETTINGS: dict[str, str] = {}
"""Settings of every test run. Modules in tests/fixtures/ add their own."""


def patience(name: str) -> int:
    """Return how many seconds a server may take to answer. A container has to start first."""
    return 15 if os.environ.get(f"{name}_HOST") else 60


def find_servers(stack: ExitStack) -> dict[str, str]:
    """Return the settings of all servers. Closing the stack stops the containers."""
    found: dict[str, str] = {}
    for name, server in SERVERS.items():
        if os.environ.get(f"{name}_HOST"):
            named = (f"{name}_{setting}" for setting in SETTINGS)
            found |= {
                variable: os.environ[variable] for variable in named if variable in os.environ
            }
        else:
            found |= _start(name, server, stack)
    return found


def _start(name: str, server: Server, stack: ExitStack) -> dict[str, str]:
    try:
        container = stack.enter_context(
            DockerContainer(
                server.image, command=server.command, env=server.variables, ports=[server.port]
            )
        )
    except DockerException as error:
        cause = str(error)[:120]
        pytest.exit(NO_SERVER.format(name=name, cause=cause), pytest.ExitCode.USAGE_ERROR)
    address = {
        "HOST": container.get_container_host_ip(),
        "PORT": str(container.get_exposed_port(server.port)),
    }
    return {f"{name}_{key}": value for key, value in {**address, **server.settings}.items()}
