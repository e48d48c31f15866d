"""A small project with `scripts/init_env.py`, on a machine with a Docker of its own."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.conftest import SERVICE
from tests.test_hooks import settings_of

if TYPE_CHECKING:
    from collections.abc import Iterable

COMPOSE = """\
services:
  # Comments and blank lines do not matter.
  micro_service:
    image: "${COMPOSE_PROJECT_NAME:-service}"
    environment:
      POSTGRES_PASSWORD: "${POSTGRES_PASSWORD:?run make setup}"

  consume_worker:
    image: "${COMPOSE_PROJECT_NAME:-service}"
"""
SERVER = "  {name}:\n    image: {name}\n"
SETTINGS = """\
class PostgresSettings(ServerSettings, env_prefix="POSTGRES_"):
    user: str
    password: settings.Secret
    pool_size: PositiveInt = 10
"""
# Prints a line for every command whose words contain FOUND.
DOCKER = """\
#!/bin/sh
case "$*" in *"$FOUND"*) echo found ;; esac
"""
NOTHING = "no command contains this"


class Machine:
    """A project whose Compose file has the servers that a test names."""

    def __init__(self, folder: Path, name: str = "user-service") -> None:
        """Copy the scripts, and put a `docker` beside the project."""
        self.folder = folder / name
        self.env = self.folder / ".env"
        self.override = self.folder / "docker-compose.override.yml"
        shutil.copytree(SERVICE / "scripts", self.folder / "scripts")
        self._programs = folder / "programs"
        self._programs.mkdir(exist_ok=True)
        docker = self._programs / "docker"
        docker.write_text(DOCKER, encoding="utf-8")
        docker.chmod(0o755)
        (self.folder / "src").mkdir()
        self.write("src/config.py", SETTINGS)
        for module in ("src/__init__.py", "src/utils/__init__.py", "src/utils/env_file.py"):
            self.write(module, (SERVICE / module).read_text(encoding="utf-8"))

    def write(self, name: str, text: str) -> None:
        """Write a file of the project."""
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="")

    def configure(self, example: str, servers: Iterable[str] = ("db",)) -> None:
        """Write `.env.example`, and a Compose file with these servers."""
        self.write(".env.example", example)
        self.write("docker-compose.yml", COMPOSE + "".join(SERVER.format(name=n) for n in servers))

    def run(self, script: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a script of the service in an environment without its settings."""
        return subprocess.run(
            (sys.executable, self.folder / "scripts" / script),
            env={"PATH": str(self._programs), **variables},
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
        )

    def set_up(self, found: str = NOTHING) -> subprocess.CompletedProcess[str]:
        """Run `init_env.py`. Docker finds something for the commands that contain `found`."""
        return self.run("init_env.py", FOUND=found)

    def say(self, found: str = NOTHING) -> list[str]:
        """Run the script, which must succeed, and return the lines that it prints."""
        done = self.set_up(found)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    @property
    def values(self) -> dict[str, str]:
        """The settings of `.env`."""
        return settings_of(self.env)
