"""A side of a comparison: a rendered service with a database, queues and keys of its own."""

import asyncio
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench.process import Launcher, Process
from tools.common.console import Console
from tools.common.errors import ToolError
from tools.demo.service import Service
from tools.servers.clients import connect_postgres
from tools.servers.namespace import Namespace

ROOT = Path(__file__).resolve().parent.parent
FASTSTREAM = "faststream[rabbit]==0.7.8"
LEAST_HASH = {"SECURITY_HASHING_MEMORY_KIB": "64", "SECURITY_HASHING_PASSES": "1"}
"""Hashing takes longer than all the rest of a registration, so that most runs reduce it."""
UNTHROTTLED = {
    f"SECURITY_THROTTLE_PER_{limit}": "1000000000"
    for limit in ("ADDRESS", "ACCOUNT", "ACCOUNT_AND_ADDRESS")
}
_CACHES = shutil.ignore_patterns(".venv", "__pycache__", ".*_cache")


@dataclass(frozen=True)
class Side:
    """Starts the service's own processes, and apps of bench/apps in the service's environment."""

    name: str
    project: Path
    settings: dict[str, str]
    launcher: Launcher

    def uvicorn(self, app: str, port: int, **settings: str) -> Process:
        """Start one Uvicorn worker as the image does."""
        options = ("--host", "127.0.0.1", "--port", str(port))
        quiet = ("--no-access-log", "--no-server-header")
        return self.python("-m", "uvicorn", app, *options, *quiet, **settings)

    def worker(self, **settings: str) -> Process:
        """Start the service's worker."""
        return self.python("-m", "src.consume_worker", **settings)

    def python(self, *words: str, **settings: str) -> Process:
        """Start the service's interpreter, which finds `src` and `bench`."""
        return self.launcher.start(
            f"{self.project}/.venv/bin/python",
            *words,
            folder=self.project,
            logs=self.project.parent,
            environment={
                **self.settings,
                **settings,
                "PYTHONPATH": f"{self.project}:{ROOT}",
            },
        )

    def stop(self, *processes: Process) -> None:
        """End processes."""
        for process in processes:
            self.launcher.stop(process)

    def sql(self, *statements: str, database: str | None = None) -> None:
        """Run statements in the service's database, or in another of the same server."""

        async def run() -> None:
            connection = await connect_postgres(self.settings, database)
            try:
                for statement in statements:
                    await connection.execute(statement, timeout=600)
            finally:
                await connection.close()

        asyncio.run(run())

    def row(self, query: str) -> dict[str, Any]:
        """Return the first row that a query finds."""

        async def run() -> dict[str, Any]:
            connection = await connect_postgres(self.settings)
            try:
                found = await connection.fetchrow(query, timeout=600)
            finally:
                await connection.close()
            return dict(found) if found else {}

        return asyncio.run(run())

    @contextmanager
    def with_database(self) -> Iterator["Side"]:
        """Yield this side with a new copy of its database."""
        original = self.settings["POSTGRES_DB"]
        copy = f"{original}_{secrets.token_hex(4)}"
        self.sql(f'CREATE DATABASE "{copy}" TEMPLATE "{original}"', database="postgres")
        try:
            yield replace(self, settings={**self.settings, "POSTGRES_DB": copy})
        finally:
            self.sql(f'DROP DATABASE "{copy}" WITH (FORCE)', database="postgres")


def render(console: Console, source: Path, folder: Path) -> Path:
    """Render a template with every default, or copy a service that was rendered already."""
    with console.step(f"render or copy {source}") as step:
        if not (source / "cookiecutter.json").exists():
            project = folder / source.name
            shutil.copytree(source, project, ignore=_CACHES)
            return project
        words = ("-m", "cookiecutter", str(source), "--no-input", "--default-config")
        done = subprocess.run(
            [sys.executable, *words, "--output-dir", str(folder)],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            text = f"cookiecutter ended with exit code {done.returncode}:\n{done.stderr}"
            raise ToolError(text)
        project = next(path for path in folder.iterdir() if path.is_dir())
        step.saw = str(project)
    return project


def set_up(console: Console, service: Service) -> None:
    """Install what the image has, and FastStream beside it."""
    service.run(console, "set up its environment (make setup)", "make", "setup")
    sync = (f"{service.bin}/uv", "sync", "--active", "--no-dev")
    # The developers' tools bring packages that structlog and PyJWT import when they find them.
    service.run(console, "keep what the image has", "env", "VIRTUAL_ENV=.venv", *sync)
    install = ("-m", "uv", "pip", "install", "--python", f"{service.bin}/python", FASTSTREAM)
    service.run(console, f"add {FASTSTREAM}", sys.executable, *install)


@contextmanager
def arena(
    console: Console, name: str, project: Path, servers: dict[str, str], launcher: Launcher
) -> Iterator[Side]:
    """Yield a side with a new database that has the project's tables."""
    namespace = Namespace(servers)
    settings = {
        **namespace.settings,
        **UNTHROTTLED,
        **LEAST_HASH,
        "SECURITY_SECRET_KEY": secrets.token_hex(32),
    }
    asyncio.run(namespace.create())
    try:
        service = Service(project, launcher.reaper)
        service.configure(settings)
        service.run(console, f"{name}: migrate", f"{service.bin}/alembic", "upgrade", "head")
        yield Side(name, project, settings, launcher)
    finally:
        asyncio.run(namespace.remove())
