"""Real servers: those that the process's environment names, else containers for this run."""

import os
from contextlib import ExitStack
from dataclasses import dataclass, field

import pytest
from docker.errors import DockerException  # type: ignore[import-untyped]
from testcontainers.core.container import DockerContainer

NO_SERVER = (
    "The tests need {name}: start Docker, or name a server with {name}_HOST, {name}_PORT and so on"
    " in the environment; .env does not count. ({cause})"
)


@dataclass(frozen=True, kw_only=True)
class Server:
    """How a server is run in a container, and the settings that fit it."""

    image: str
    port: int
    command: str | None = None
    variables: dict[str, str] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)


SETTINGS = ("HOST", "PORT", "USER", "PASSWORD", "DB", "VHOST")
SERVERS = {
    "POSTGRES": Server(
        image="postgres:18",
        port=5432,
        command="postgres -c fsync=off",
        variables={"POSTGRES_USER": "test", "POSTGRES_PASSWORD": "test", "POSTGRES_DB": "test"},
        settings={"USER": "test", "PASSWORD": "test", "DB": "test"},
    ),
}
"""By the prefix of their settings. tests/fixtures/ adds those that the service was made with."""
RUN_SETTINGS: dict[str, str] = {}
"""Settings for every run of the tests."""


def patience(name: str) -> int:
    """Return for how many seconds a server may not answer: a container has to start first."""
    return 5 if os.environ.get(f"{name}_HOST") else 60


def find_servers(stack: ExitStack) -> dict[str, str]:
    """Return the settings of all servers; containers end with the stack."""
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
