"""A rendered service with its settings: its commands, its API and its worker."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import httpx2

from tools.common.environment import service_environment
from tools.common.machine import free_port
from tools.common.processes import start_logged, try_run
from tools.common.waiting import eventually

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping
    from pathlib import Path

    from tools.common.processes import Child
    from tools.servers.reaper import Reaper

STARTED_WITHIN = 240.0
WORKER = ("src.consume_worker",)


def uvicorn(port: int) -> tuple[str, ...]:
    """Return the module and the arguments of an API."""
    return ("uvicorn", "src.main:app", "--host", "127.0.0.1", "--port", str(port))


class Instance:
    """Runs a service in its folder, so that the settings of its `.env` count too."""

    def __init__(
        self, folder: Path, python: Path, reaper: Reaper, logs: Path, settings: Mapping[str, str]
    ) -> None:
        """Take the settings. Nothing is started yet."""
        self.folder = folder
        self.environment = service_environment({"PYTHONPATH": str(folder), **settings})
        self._python = str(python)
        self._reaper = reaper
        self._logs = logs
        self._running: list[Child] = []

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a module to its end: `run("alembic", "upgrade", "head")`."""
        command = (self._python, "-m", *words)
        return try_run(*command, cwd=self.folder, environment=self.environment, within=600)

    def must(self, *words: str) -> str:
        """Run a module that must succeed, and return its output."""
        done = self.run(*words)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def api(self) -> str:
        """Start an API, wait until it is ready, and return its address."""
        port = free_port()
        process = self._start(f"api-{port}", *uvicorn(port))
        url = f"http://127.0.0.1:{port}"

        def is_ready() -> bool:
            assert process.poll() is None, self._log(f"api-{port}")
            try:
                return httpx2.get(f"{url}/health/ready", timeout=10).status_code == 200
            except httpx2.TransportError:
                return False

        eventually("the API is ready", is_ready, within=STARTED_WITHIN)
        return url

    def worker(self) -> None:
        """Start a worker, and wait until it consumes."""
        self._start("worker", *WORKER)
        event = '"event":"consuming"'
        eventually("it consumes", lambda: event in self._log("worker"), within=STARTED_WITHIN)

    def close(self) -> None:
        """End all processes."""
        for process in self._running:
            process.send_signal(signal.SIGKILL)
            process.wait()
            self._reaper.forget_process(process)
        self._running = []

    def _start(self, name: str, *words: str) -> Child:
        path = self._logs / f"{name}.log"
        command = (self._python, "-m", *words)
        process = start_logged(command, path, cwd=self.folder, environment=self.environment)
        self._reaper.process(process, signal.SIGKILL)
        self._running.append(process)
        return process

    def _log(self, name: str) -> str:
        return (self._logs / f"{name}.log").read_text(errors="replace")
