"""The runner of one scenario: a database and names of its own, and processes that can be killed."""

from __future__ import annotations

import asyncio
import json
import secrets
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools.common.environment import service_environment
from tools.common.errors import DeadlineError
from tools.common.machine import free_port, last_lines
from tools.common.processes import run_in_service, start_logged
from tools.common.waiting import eventually
from tools.servers.clients import postgres_connection

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tools.common.processes import Child
    from tools.servers.running import Servers

DRIVER = Path(__file__).with_name("driver.py")
CACHE_DRIVER = DRIVER.with_name("cache_driver.py")
MIGRATED = "migrated"
REFUSAL = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'refused on purpose'; END $$;
CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON users DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW WHEN (NEW.email LIKE 'refused-%') EXECUTE FUNCTION refuse();
"""


class Runner:
    """Starts and ends the processes of a rendered service; each writes to a log of its own."""

    def __init__(
        self, service: Path, python: Path, servers: Servers, logs: Path, **settings: str
    ) -> None:
        """Create a database as a copy of the migrated one.

        `python` runs a service that has no packages of its own.
        """
        token = secrets.token_hex(4)
        self._default_python = python
        self.switch(service)
        self.servers = servers
        self.name = f"resilience-{token}"
        self.logs = logs / token
        self.logs.mkdir()
        self.database = f"resilience_{token}"
        self.settings = {
            "RABBITMQ_RETRY_DELAYS_SECONDS": "[1, 2, 4, 6, 8, 10]",
            "WORKER_HANDLER_TIMEOUT_SECONDS": "20",
            **servers.environment(),
            **settings,
            "APP_NAME": self.name,
            "POSTGRES_DB": self.database,
        }
        self._logs: dict[Child, Path] = {}
        self._started = 0
        administer(servers, f"CREATE DATABASE {self.database} TEMPLATE {MIGRATED}")

    def switch(self, service: Path) -> None:
        """Start the processes that follow from another version of the service."""
        self.service = service
        own = service / ".venv/bin/python"
        self.python = own if own.exists() else self._default_python

    def worker(self, **settings: str) -> Child:
        """Start a worker: a relay and a consumer."""
        return self._start("worker", settings, "-m", "src.consume_worker")

    def consumer(self, **settings: str) -> Child:
        """Start a worker and wait until it consumes."""
        child = self.worker(**settings)
        log = self._logs[child]
        try:
            eventually("a worker consumes", lambda: '"event":"consuming"' in log.read_text())
        except DeadlineError as error:
            error.add_note(self.tail())
            raise
        return child

    def api(self, **settings: str) -> tuple[Child, str]:
        """Start an API process; return it and its address."""
        port = free_port()
        words = ("uvicorn", "src.main:app", "--host", "127.0.0.1", "--port", str(port))
        child = self._start("api", settings, "-m", *words, "--no-access-log")
        return child, f"http://127.0.0.1:{port}"

    def driver(
        self, commits: int, *, publishers: int = 10, pause: float = 0.0, **settings: str
    ) -> Child:
        """Start a process that commits users and their events."""
        words = (str(DRIVER), str(commits), str(publishers), str(pause))
        return self._start("driver", settings, *words)

    def cache_driver(self, *words: str, **settings: str) -> Child:
        """Start a process that reads and writes users through the cache."""
        return self._start("cache", settings, str(CACHE_DRIVER), *words)

    def produce(self, commits: int) -> None:
        """Commit users, and wait until that is done."""
        code = self.reap(self.driver(commits))
        assert code == 0, f"the driver ended with exit code {code}:\n{self.tail()}"

    def kill(self, child: Child) -> None:
        """End a process with SIGKILL."""
        child.kill()
        child.wait()
        self._forget(child)

    def terminate(self, child: Child) -> int:
        """End a process with SIGTERM, and return its exit code."""
        child.send_signal(signal.SIGTERM)
        return self.reap(child)

    def reap(self, child: Child, within: float = 60) -> int:
        """Wait for the end of a process, and return its exit code."""
        code = child.wait(within)
        self._forget(child)
        return code

    def close(self) -> None:
        """End all processes that still run."""
        for child in list(self._logs):
            self.kill(child)

    def acknowledged(self) -> set[str]:
        """Return the ids of the users that a driver has committed."""
        logs = self.logs.glob("driver-*.log")
        lines = [line for log in logs for line in log.read_text().splitlines()]
        return {line for line in lines if len(line) == 36}

    def log_lines(self, event: str) -> list[dict[str, Any]]:
        """Return the workers' log lines with this event name, in the order of time."""
        logs = self.logs.glob("worker-*.log")
        lines = [line for log in logs for line in log.read_text(errors="replace").splitlines()]
        # A worker that was killed can leave an incomplete line.
        whole = (line for line in lines if f'"event":"{event}"' in line and line.endswith("}"))
        return sorted(map(json.loads, whole), key=lambda line: str(line["timestamp"]))

    def tail(self) -> str:
        """Return the last lines of the latest logs, for a message."""
        logs = sorted(self.logs.glob("*.log"), key=lambda path: path.stat().st_mtime)[-3:]
        return "\n".join(f"{path}:\n{last_lines(path, 5)}" for path in logs)

    def _start(self, name: str, settings: Mapping[str, str], *words: str) -> Child:
        self._started += 1
        path = self.logs / f"{name}-{self._started}.log"
        environment = service_environment(
            {"PYTHONPATH": str(self.service), **self.settings, **settings}
        )
        words = (str(self.python), *words)
        child = start_logged(words, path, cwd=self.service, environment=environment)
        self.servers.reaper.process(child, signal.SIGKILL)
        self._logs[child] = path
        return child

    def _forget(self, child: Child) -> None:
        self.servers.reaper.forget_process(child)
        del self._logs[child]


def administer(servers: Servers, statement: str, database: str | None = None) -> None:
    """Run a statement as the owner of the databases."""

    async def run() -> None:
        async with postgres_connection(servers.environment(), database) as connection:
            await connection.execute(statement)

    asyncio.run(run())


def migrate(service: Path, python: Path, servers: Servers) -> None:
    """Create the database that each scenario's database is copied from."""
    administer(servers, f"CREATE DATABASE {MIGRATED}")
    settings = {**servers.environment(), "POSTGRES_DB": MIGRATED}
    run_in_service(service, python, "-m", "alembic", "upgrade", "head", **settings)
    administer(servers, REFUSAL, MIGRATED)
