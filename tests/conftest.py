"""Fixtures of all tests: a rendered service, the command line, a committed copy of the template."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

from service_template.questions import SOURCES
from tools.servers.running import running_servers

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_cookies.plugin import Cookies

    from tools.servers.running import Servers

ROOT = Path(__file__).resolve().parent.parent
SERVICE = ROOT / "{{cookiecutter.project_slug}}"
CACHES = shutil.ignore_patterns("__pycache__", ".*_cache", ".venv", ".env")
GIVEN = ("POSTGRES_URL", "REDIS_URL", "RABBITMQ_URL")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run tests/resilience alone, then begin what others wait for in the background."""

    def turn(item: pytest.Item) -> int:
        if "resilience" in item.path.parts and not item.get_closest_marker("beside_others"):
            return 0
        return 1 if item.get_closest_marker("begins_work") else 2

    items.sort(key=turn)


@contextmanager
def own_servers() -> Iterator[Servers]:
    """Start servers for this run, even if others are named: their users have every right."""
    with pytest.MonkeyPatch.context() as patch:
        for variable in GIVEN:
            patch.delenv(variable, raising=False)
        if os.environ.get("SERVERS") == "environment":
            patch.delenv("SERVERS")
        with running_servers() as running:
            yield running


class Render(Protocol):
    """Renders a service into a new temporary folder."""

    def __call__(self, **answers: object) -> Path:
        """Render with these answers and the defaults for all others; return the folder."""


class CommandLine:
    """Commands as a user types them, in a home directory without the developer's files."""

    def __init__(self, home: Path) -> None:
        """Keep settings, replays and clones in one temporary folder."""
        self.home = home
        self.replay = home / "replay" / f"{ROOT.name}.json"

    @property
    def environment(self) -> dict[str, str]:
        """The environment of each command."""
        return {
            **os.environ,
            "HOME": str(self.home),
            "COOKIECUTTER_CONFIG": str(self.home / "config.yaml"),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_SYSTEM": os.devnull,
        }

    def run(
        self, *command: str | Path, cwd: Path | None = None, typed: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run a command and return its exit code and its output."""
        return subprocess.run(
            command,
            cwd=cwd or self.home,
            env=self.environment,
            input=typed,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def configure(self, defaults: Mapping[str, object] | None = None) -> None:
        """Write the user's config file in JSON, which is valid YAML."""
        settings = {
            "cookiecutters_dir": str(self.home / "clones"),
            "replay_dir": str(self.replay.parent),
            "default_context": defaults or {},
        }
        (self.home / "config.yaml").write_text(json.dumps(settings), encoding="utf-8")

    def cookiecutter(
        self, output: Path, *arguments: str, typed: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Render this template into `output`."""
        command = (sys.executable, "-m", "cookiecutter", ROOT, "--output-dir", output)
        return self.run(*command, *arguments, typed=typed)

    def commit(self, repository: Path) -> None:
        """Commit a folder's files as a repository of its own."""
        identity = ("-c", "user.name=Test", "-c", "user.email=test@example.com")
        for step in (("init", "-q"), ("add", "--all"), ("commit", "-qm", "state")):
            done = self.run("git", *identity, *step, cwd=repository)
            assert done.returncode == 0, done.stderr


@pytest.fixture(scope="session")
def render(cookies_session: Cookies) -> Render:
    """Render the template in this process: fast, for tests of the rendered files."""

    def bake(**answers: object) -> Path:
        result = cookies_session.bake(extra_context=answers, template=str(ROOT))
        assert result.exception is None, result.exception
        service: Path = result.project_path
        return service

    return bake


@pytest.fixture(scope="session", params=["yes", "no"], ids=["all-options", "no-options"])
def extreme_service(request: pytest.FixtureRequest, render: Render) -> Path:
    """Render the largest and the smallest service: together they have every file."""
    return render(use_redis=request.param, use_rabbitmq=request.param)


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """Real servers for all tests but those of tests/resilience, which kill servers of their own."""
    with running_servers() as running:
        yield running


@pytest.fixture
def command_line(tmp_path: Path) -> CommandLine:
    """Run the real commands: slow, for tests of what a user sees."""
    home = tmp_path / "home"
    home.mkdir()
    line = CommandLine(home)
    line.configure()
    return line


@pytest.fixture
def template_repository(tmp_path: Path, command_line: CommandLine) -> Path:
    """Commit a copy of the template, for cruft, which reads repositories only."""
    repository = tmp_path / "template"
    repository.mkdir()
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, repository / name, ignore=CACHES)
        else:
            shutil.copy(source, repository / name)
    command_line.commit(repository)
    return repository
