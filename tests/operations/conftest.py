"""Fixtures: a rendered service that is set up, servers of this run, and processes on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import pytest

from tests.conftest import own_servers
from tests.operations.instance import Instance
from tools.common.processes import run_in_service

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import Render
    from tools.servers.running import Servers


class NewInstance(Protocol):
    """Creates an instance of a service. Its processes end with the test."""

    def __call__(self, folder: Path, **settings: str) -> Instance:
        """Run a rendered service with these settings."""


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """Servers that this run starts: the tests create roles."""
    with own_servers() as running:
        yield running


@pytest.fixture(scope="session")
def service(render: Render) -> Path:
    """The default service, set up."""
    rendered = render()
    run_in_service(rendered, "make", "setup")
    return rendered


@pytest.fixture
def new_instance(servers: Servers, service: Path, tmp_path: Path) -> Iterator[NewInstance]:
    """Creates instances, which run with the packages of the default service."""
    instances: list[Instance] = []

    def make(folder: Path, **settings: str) -> Instance:
        logs = tmp_path / str(len(instances))
        logs.mkdir()
        python = service / ".venv/bin/python"
        instances.append(Instance(folder, python, servers.reaper, logs, settings))
        return instances[-1]

    yield make
    for instance in instances:
        instance.close()
