"""The rendered default service: its own checks and its own suite, on real servers."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from tools.servers import running_servers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import Render

# What describes this run must not reach the service's own.
OURS = (
    "MAKEFLAGS",
    "MAKELEVEL",
    "MFLAGS",
    "MAKEOVERRIDES",
    "VIRTUAL_ENV",
    "PYTHONPATH",
    "PYTHONDONTWRITEBYTECODE",
)


class Service:
    """A rendered service with its environment made."""

    def __init__(self, folder: Path) -> None:
        """Nothing runs yet."""
        self.folder = folder

    def make(self, target: str, **settings: str) -> None:
        """Run a target as its owner would, and fail with what it printed."""
        environment = {name: value for name, value in os.environ.items() if name not in OURS}
        done = subprocess.run(
            ["make", target],
            cwd=self.folder,
            env={**environment, **settings},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        print(done.stdout)  # noqa: T201 -- pytest shows it when the test fails
        assert done.returncode == 0, f"make {target} failed in {self.folder}"


@pytest.fixture(scope="module")
def service(render: Render) -> Service:
    """Render the default service and set it up."""
    rendered = Service(render())
    rendered.make("setup")
    return rendered


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, str]]:
    """Find or start real servers, and say where they are in the service's settings."""
    with running_servers() as running:
        yield running.environment()


@pytest.mark.timeout(600)
def test_a_fresh_render_passes_its_own_checks(service: Service) -> None:
    """Format, lint, types, direction of imports and dependencies, as its owner checks them."""
    service.make("lint")


@pytest.mark.timeout(900)
def test_a_fresh_render_passes_its_own_suite(service: Service, servers: dict[str, str]) -> None:
    """All of it, on real servers, with the coverage that its settings ask for."""
    service.make("test", **servers)


def test_a_second_setup_changes_nothing(service: Service) -> None:
    """The secrets and the lock that an owner has are kept."""
    kept = {name: (service.folder / name).read_bytes() for name in (".env", "uv.lock")}
    service.make("setup")
    assert kept == {name: (service.folder / name).read_bytes() for name in kept}
