"""A rendered service on this machine: set up, started as real processes, stopped."""

import re
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import httpx2

from tools.common.console import Console, Running
from tools.common.environment import service_environment
from tools.common.errors import ToolError
from tools.common.machine import free_port, last_lines, send_group
from tools.common.processes import Child, start_logged
from tools.servers.reaper import Reaper

_SET_UP_WITHIN = 900.0
_STARTED_WITHIN = 30.0
_STOPPED_WITHIN = 40.0
_POLL = 0.1
_WIDTH = 1000


class Service:
    """The service in `project`; its processes write to logs beside it."""

    def __init__(self, project: Path, reaper: Reaper) -> None:
        """Choose a free port; nothing is started yet."""
        self.project = project
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.bin = project / ".venv" / "bin"
        self._reaper = reaper
        self._settings: dict[str, str] = {}
        self._processes: dict[str, Child] = {}

    def configure(self, settings: Mapping[str, str]) -> None:
        """Set the processes' settings.

        The service reads an empty variable as an unset one. So an empty setting (a Redis without
        a password) is made empty in `.env` too.
        """
        self._settings = dict(settings)
        path = self.project / ".env"
        text = path.read_text()
        for key in (key for key, value in settings.items() if not value):
            text = re.sub(rf"^{key}=.*$", f"{key}=", text, flags=re.MULTILINE)
        path.write_text(text)

    def run(self, console: Console, title: str, *words: str) -> None:
        """Run a command to its end as a step, with its last line of output as progress."""
        log = self.log(Path(words[0]).name)
        with console.step(title) as step:
            code = self._follow(self._start(words, log), log, step)
            if code != 0:
                text = f"{' '.join(words)} ended with exit code {code}:\n{last_lines(log)}"
                raise ToolError(text)

    def start(self, step: Running) -> str:
        """Start the API and the worker, and wait until the API is ready."""
        options = ("--host", "127.0.0.1", "--port", str(self.port))
        quiet = ("--no-access-log", "--no-server-header", "--no-proxy-headers")
        self._launch("api", "uvicorn", "src.main:app", *options, *quiet)
        self._launch("worker", "python", "-m", "src.consume_worker")
        deadline = time.monotonic() + _STARTED_WITHIN
        while not self._is_ready():
            for name, process in self._processes.items():
                if process.poll() is not None:
                    text = f"the {name} ended with exit code {process.returncode}"
                    raise ToolError(text)
            if time.monotonic() > deadline:
                text = f"GET /health/ready is not 200 after {_STARTED_WITHIN:.0f} s"
                raise ToolError(text)
            step.progress("waiting for /health/ready")
            time.sleep(_POLL)
        return self.url

    def stop(self) -> None:
        """Send SIGTERM to both, and require that they end."""
        for process in self._processes.values():
            send_group(process.pid, signal.SIGTERM)
        for name, process in self._processes.items():
            try:
                process.wait(_STOPPED_WITHIN)
            except subprocess.TimeoutExpired:
                text = f"the {name} did not end within {_STOPPED_WITHIN:.0f} s of SIGTERM"
                raise ToolError(text) from None
            self._reaper.forget_process(process)
        self._processes = {}

    def end(self) -> None:
        """Send SIGKILL to the processes that still run after a failure."""
        for process in self._processes.values():
            send_group(process.pid, signal.SIGKILL)
            process.wait()
            self._reaper.forget_process(process)
        self._processes = {}

    def log(self, name: str) -> Path:
        """Return the path of a log, beside the service's folder."""
        return self.project.parent / f"{name}.log"

    def log_lines(self, request_id: str | None = None) -> str:
        """Return the lines of both logs about a request, or their last lines."""
        parts = []
        for path in (path for name in ("api", "worker") if (path := self.log(name)).exists()):
            lines = path.read_text(errors="replace").splitlines()
            found = [f"    {line[:_WIDTH]}" for line in lines if request_id and request_id in line]
            parts.append(f"{path}:\n" + ("\n".join(found) or last_lines(path)))
        return "\n".join(parts)

    def _launch(self, name: str, *words: str) -> None:
        process = self._start((str(self.bin / words[0]), *words[1:]), self.log(name))
        self._processes[name] = process

    def _start(self, words: tuple[str, ...], log: Path) -> Child:
        environment = service_environment(self._settings)
        process = start_logged(words, log, cwd=self.project, environment=environment)
        self._reaper.process(process)
        return process

    def _follow(self, process: Child, log: Path, step: Running) -> int:
        deadline = time.monotonic() + _SET_UP_WITHIN
        while process.poll() is None and time.monotonic() < deadline:
            lines = log.read_text(errors="replace").splitlines()
            step.progress(lines[-1] if lines else "")
            time.sleep(_POLL)
        if process.returncode is None:
            text = f"still running after {_SET_UP_WITHIN:.0f} s:\n{last_lines(log)}"
            raise ToolError(text)
        self._reaper.forget_process(process)
        return process.returncode

    def _is_ready(self) -> bool:
        try:
            return httpx2.get(f"{self.url}/health/ready", timeout=2).status_code == httpx2.codes.OK
        except httpx2.HTTPError:
            return False
