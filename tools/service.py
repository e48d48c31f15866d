"""A rendered service on this machine: set up, migrated, started as real processes, stopped."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import httpx2

from tools.console import Console, Running
from tools.errors import ToolError
from tools.machine import free_port, last_lines, send_group
from tools.reaper import Child, Reaper

_SET_UP_WITHIN = 900.0
_STARTED_WITHIN = 30.0
_STOPPED_WITHIN = 40.0
_POLL = 0.1
_WIDTH = 1000

# What describes this `make` and its environment must not leak into the service's own.
_OURS = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKEOVERRIDES", "VIRTUAL_ENV", "PYTHONPATH")


class Service:
    """The service in `project`; its processes write to logs beside it."""

    def __init__(self, project: Path, reaper: Reaper) -> None:
        """Choose a free port; nothing runs yet."""
        self.project = project
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.bin = project / ".venv" / "bin"
        self._reaper = reaper
        self._settings: dict[str, str] = {}
        self._processes: dict[str, Child] = {}

    def configure(self, settings: Mapping[str, str]) -> None:
        """Set what the processes are told.

        They take an empty variable for none at all, so an empty one (a Redis without a password)
        is emptied in `.env` too.
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
            code = self._follow(self._popen(words, log), log, step)
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
        """Ask both to finish with SIGTERM, and insist that they do."""
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
        """End what still runs, at once: on the way out of a failure."""
        for process in self._processes.values():
            send_group(process.pid, signal.SIGKILL)
            process.wait()
            self._reaper.forget_process(process)
        self._processes = {}

    def log(self, name: str) -> Path:
        """Name a log, beside the service and not in it."""
        return self.project.parent / f"{name}.log"

    def log_lines(self, request_id: str | None = None) -> str:
        """Give what both logs say about a request, or their last lines."""
        parts = []
        for path in (path for name in ("api", "worker") if (path := self.log(name)).exists()):
            lines = path.read_text(errors="replace").splitlines()
            told = [f"    {line[:_WIDTH]}" for line in lines if request_id and request_id in line]
            parts.append(f"{path}:\n" + ("\n".join(told) or last_lines(path)))
        return "\n".join(parts)

    def _launch(self, name: str, *words: str) -> None:
        process = self._popen((str(self.bin / words[0]), *words[1:]), self.log(name))
        self._processes[name] = process

    def _popen(self, words: tuple[str, ...], log: Path) -> Child:
        environment = {key: value for key, value in os.environ.items() if key not in _OURS}
        with log.open("ab") as output:
            process = subprocess.Popen(
                words,
                cwd=self.project,
                env={**environment, **self._settings},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._reaper.process(process)
        return process

    def _follow(self, process: Child, log: Path, step: Running) -> int:
        deadline = time.monotonic() + _SET_UP_WITHIN
        while process.poll() is None and time.monotonic() < deadline:
            told = log.read_text(errors="replace").splitlines()
            step.progress(told[-1] if told else "")
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
