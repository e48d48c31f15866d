"""A rendered service with misbehaving consumers, servers that may be killed, and the report."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

from tests.resilience import amqp, poison, report
from tests.resilience.rig import OURS, Rig, migrate
from tools.servers import running_servers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Render
    from tools.servers import Servers

GIVEN = ("POSTGRES_URL", "REDIS_URL", "RABBITMQ_URL")


class NewRig(Protocol):
    """Sets a stage for one scenario."""

    def __call__(self, service: Path | None = None, **settings: str) -> Rig:
        """Use the service, or a changed copy of it, with these settings."""


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """Servers of our own, even where others are named: these are going to be killed."""
    with pytest.MonkeyPatch.context() as patch:
        for variable in GIVEN:
            patch.delenv(variable, raising=False)
        if os.environ.get("SERVERS") == "environment":
            patch.delenv("SERVERS")
        with running_servers() as running:
            report.servers = [s.wait() for s in (running.rabbitmq, running.postgres, running.redis)]
            yield running


@pytest.fixture(scope="session")
def service(render: Render, servers: Servers) -> Path:
    """Render the default service, set it up, and add consumers that misbehave."""
    rendered = render()
    environment = {name: value for name, value in os.environ.items() if name not in OURS}
    done = subprocess.run(
        ["make", "setup"],
        cwd=rendered,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    poison.add_consumers(rendered)
    migrate(rendered, rendered / ".venv/bin/python", servers)
    return rendered


@pytest.fixture(scope="session")
def logs(request: pytest.FixtureRequest) -> Iterator[Path]:
    """A folder that stays if a test failed, for whoever has to find out why."""
    folder = Path(tempfile.mkdtemp(prefix="template-resilience-"))
    yield folder
    if not request.session.testsfailed:
        shutil.rmtree(folder)


@pytest.fixture
def new_rig(servers: Servers, service: Path, logs: Path) -> Iterator[NewRig]:
    """Stages whose processes end with the test."""
    rigs: list[Rig] = []
    rendered, python = service, service / ".venv/bin/python"

    def make(service: Path | None = None, **settings: str) -> Rig:
        rig = Rig(service or rendered, python, servers, logs, **settings)
        rigs.append(rig)
        amqp.watch(rig)
        return rig

    yield make
    for rig in rigs:
        rig.close()


@pytest.fixture
def changed(service: Path, tmp_path: Path) -> Path:
    """A copy of the service's source, to be broken; it runs in the environment of the original."""
    copy = tmp_path / "service"
    shutil.copytree(service, copy, ignore=shutil.ignore_patterns(".venv", "__pycache__", "tests"))
    return copy


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show the report, and write it to the file that RESILIENCE_REPORT names."""
    text = report.table()
    if text:
        terminalreporter.section("resilience")
        terminalreporter.write_line(text)
        if path := os.environ.get("RESILIENCE_REPORT"):
            Path(path).write_text(text, encoding="utf-8")
