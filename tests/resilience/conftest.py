"""Fixtures: a rendered service with faulty consumers, servers that may be killed, the report."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

from tests.conftest import own_servers
from tests.resilience import amqp, faulty_consumers, report
from tests.resilience.runner import Runner, migrate
from tools.common.processes import run_in_service

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Render
    from tools.servers.running import Servers


class NewRunner(Protocol):
    """Creates a runner for one scenario."""

    def __call__(self, service: Path | None = None, **settings: str) -> Runner:
        """Run the service, or a changed copy of it, with these settings."""


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """Servers that this run starts, even if others are named: the tests kill them."""
    with own_servers() as running:
        report.servers = [s.wait() for s in (running.rabbitmq, running.postgres, running.redis)]
        yield running


@pytest.fixture(scope="session")
def service(render: Render, servers: Servers) -> Path:
    """The default service, set up, with faulty consumers."""
    rendered = render()
    run_in_service(rendered, "make", "setup")
    faulty_consumers.add_consumers(rendered)
    migrate(rendered, rendered / ".venv/bin/python", servers)
    return rendered


@pytest.fixture(scope="session")
def logs(request: pytest.FixtureRequest) -> Iterator[Path]:
    """A folder for logs, which is kept if a test failed."""
    folder = Path(tempfile.mkdtemp(prefix="template-resilience-"))
    yield folder
    if not request.session.testsfailed:
        shutil.rmtree(folder)


@pytest.fixture
def new_runner(servers: Servers, service: Path, logs: Path) -> Iterator[NewRunner]:
    """Creates runners; their processes end with the test."""
    runners: list[Runner] = []
    rendered = service
    python = service / ".venv/bin/python"

    def make(service: Path | None = None, **settings: str) -> Runner:
        runner = Runner(service or rendered, python, servers, logs, **settings)
        runners.append(runner)
        amqp.watch(runner)
        return runner

    yield make
    for runner in runners:
        runner.close()


@pytest.fixture
def changed(service: Path, tmp_path: Path) -> Path:
    """A copy of the service's source for a test to change; it uses the original's packages."""
    copy = tmp_path / "service"
    shutil.copytree(service, copy, ignore=shutil.ignore_patterns(".venv", "__pycache__", "tests"))
    return copy


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the report, and write it to the file that RESILIENCE_REPORT names."""
    text = report.table()
    if text:
        terminalreporter.section("resilience")
        terminalreporter.write_line(text)
        if path := os.environ.get("RESILIENCE_REPORT"):
            Path(path).write_text(text, encoding="utf-8")
