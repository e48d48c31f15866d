"""One scenario's stage: a database and names of its own, and processes that can be killed."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg

from tools.machine import free_port, last_lines

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tools.reaper import Child
    from tools.servers import Servers

DRIVER = Path(__file__).with_name("driver.py")
CACHE_DRIVER = DRIVER.with_name("cache_driver.py")
MIGRATED = "migrated"
# What describes this run must not reach the service's own.
OURS = (
    *("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKEOVERRIDES", "VIRTUAL_ENV", "PYTHONPATH"),
    "PYTHONDONTWRITEBYTECODE",  # or every start would compile every library
)
REFUSAL = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'refused on purpose'; END $$;
CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON users DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW WHEN (NEW.email LIKE 'refused-%') EXECUTE FUNCTION refuse();
"""


class Rig:
    """Starts and ends the rendered service's processes; each writes to a log of its own."""

    def __init__(
        self, service: Path, python: Path, servers: Servers, logs: Path, **settings: str
    ) -> None:
        """Make a database from the migrated one."""
        token = secrets.token_hex(4)
        self.service = service
        self.python = python
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

    def worker(self, **settings: str) -> Child:
        """Start a worker: a relay and a consumer."""
        return self._start("worker", settings, "-m", "src.consume_worker")

    def consumer(self, **settings: str) -> Child:
        """Start a worker and wait until messages can reach it."""
        child = self.worker(**settings)
        log = self._logs[child]
        deadline = time.monotonic() + 30
        while '"event":"consuming"' not in log.read_text():
            assert time.monotonic() < deadline, f"a worker does not consume:\n{self.tail()}"
            time.sleep(0.05)
        return child

    def api(self) -> tuple[Child, str]:
        """Start an API process, and say where it will answer."""
        port = free_port()
        words = ("uvicorn", "src.main:app", "--host", "127.0.0.1", "--port", str(port))
        child = self._start("api", {}, "-m", *words, "--no-access-log")
        return child, f"http://127.0.0.1:{port}"

    def driver(
        self, commits: int, *, publishers: int = 10, pause: float = 0.0, **settings: str
    ) -> Child:
        """Start a process that commits users with their events."""
        words = (str(DRIVER), str(commits), str(publishers), str(pause))
        return self._start("driver", settings, *words)

    def cache_driver(self, *words: str, **settings: str) -> Child:
        """Start a process that reads and writes users through the cache."""
        return self._start("cache", settings, str(CACHE_DRIVER), *words)

    def produce(self, commits: int) -> None:
        """Commit users and wait until that is done."""
        driver = self.driver(commits)
        code = driver.wait(60)
        self._forget(driver)
        assert code == 0, f"the driver ended with exit code {code}:\n{self.tail()}"

    def kill(self, child: Child) -> None:
        """End a process as a power cut would."""
        child.kill()
        child.wait()
        self._forget(child)

    def terminate(self, child: Child) -> int:
        """Ask a process to end, and return its exit code."""
        child.send_signal(signal.SIGTERM)
        code = child.wait(60)
        self._forget(child)
        return code

    def reap(self, child: Child, within: float = 60) -> int:
        """Wait for a process that ends by itself."""
        code = child.wait(within)
        self._forget(child)
        return code

    def close(self) -> None:
        """End what still runs."""
        for child in list(self._logs):
            self.kill(child)

    def acknowledged(self) -> set[str]:
        """Collect the users whose commits have returned to a driver."""
        logs = self.logs.glob("driver-*.log")
        lines = [line for log in logs for line in log.read_text().splitlines()]
        return {line for line in lines if len(line) == 36}

    def told(self, event: str) -> list[dict[str, Any]]:
        """Collect the lines of the workers' logs about something, in the order of time."""
        logs = self.logs.glob("worker-*.log")
        lines = [line for log in logs for line in log.read_text(errors="replace").splitlines()]
        # A worker that was killed can leave half a line.
        whole = (line for line in lines if f'"event":"{event}"' in line and line.endswith("}"))
        return sorted(map(json.loads, whole), key=lambda line: str(line["timestamp"]))

    def tail(self) -> str:
        """Give the ends of the latest logs, for a message."""
        logs = sorted(self.logs.glob("*.log"), key=lambda path: path.stat().st_mtime)[-3:]
        return "\n".join(f"{path}:\n{last_lines(path, 5)}" for path in logs)

    def _start(self, name: str, settings: Mapping[str, str], *words: str) -> Child:
        self._started += 1
        environment = {key: value for key, value in os.environ.items() if key not in OURS}
        path = self.logs / f"{name}-{self._started}.log"
        with path.open("wb") as log:
            child = subprocess.Popen(
                [str(self.python), *words],
                cwd=self.service,
                env={**environment, "PYTHONPATH": str(self.service), **self.settings, **settings},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.servers.reaper.process(child, signal.SIGKILL)
        self._logs[child] = path
        return child

    def _forget(self, child: Child) -> None:
        self.servers.reaper.forget_process(child)
        del self._logs[child]


def administer(servers: Servers, statement: str, database: str | None = None) -> None:
    """Run a statement as the databases' owner."""
    address = servers.postgres.address

    async def run() -> None:
        connection = await asyncpg.connect(
            host=address.host,
            port=address.port,
            user=address.user,
            password=address.password,
            database=database or address.name,
        )
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(run())


def migrate(service: Path, python: Path, servers: Servers) -> None:
    """Make the database that each scenario's is copied from."""
    administer(servers, f"CREATE DATABASE {MIGRATED}")
    done = subprocess.run(
        [str(python), "-m", "alembic", "upgrade", "head"],
        cwd=service,
        env={**os.environ, **servers.environment(), "POSTGRES_DB": MIGRATED},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    administer(servers, REFUSAL, MIGRATED)
