"""Where the measurements run: the rendered service, a changed copy of it, and their processes."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.common.errors import ToolError
from tools.common.machine import last_lines
from tools.common.processes import Child
from tools.servers.reaper import Reaper

ROOT = Path(__file__).resolve().parent.parent
_RESULT_WITHIN = 120.0
_STARTED_WITHIN = 30.0
_STOPPED_WITHIN = 40.0
_POLL = 0.05

_WRITER = Path("src/repositories/db/events.py")
_KEEPS_EVENTS = "for event in aggregate.events]"
_DROPS_EVENTS = "for event in aggregate.events[:0]]"


def without_outbox(project: Path) -> Path:
    """Copy the service and have it open accounts without storing their events."""
    copy = project.with_name("without-outbox")
    shutil.copytree(project, copy, ignore=shutil.ignore_patterns(".venv", "__pycache__", "tests"))
    path = copy / _WRITER
    text = path.read_text()
    if text.count(_KEEPS_EVENTS) != 1:
        message = f"{_WRITER} has changed: bench/stage.py no longer finds where events go."
        raise ToolError(message)
    path.write_text(text.replace(_KEEPS_EVENTS, _DROPS_EVENTS))
    return copy


@dataclass(frozen=True)
class Stage:
    """Runs the drivers and the worker; each writes to a log beside the service."""

    project: Path
    settings: dict[str, str]
    reaper: Reaper

    def measure(self, driver: str, *words: int, project: Path | None = None) -> dict[str, Any]:
        """Run a driver to its end and return its result."""
        log = self._log(driver)
        child = self._start(log, f"bench.drivers.{driver}", *map(str, words), project=project)
        code = self._wait(child, _RESULT_WITHIN)
        if code != 0:
            text = f"bench.drivers.{driver} ended with exit code {code}:\n{last_lines(log)}"
            raise ToolError(text)
        result: dict[str, Any] = json.loads(log.read_text().splitlines()[-1])
        return result

    @contextmanager
    def worker(self) -> Iterator[Path]:
        """Give the log of a worker that consumes, and stop it afterwards."""
        log = self._log("worker")
        child = self._start(log, "src.consume_worker")
        try:
            await_line(log, '"event":"consuming"')
            yield log
        finally:
            child.send_signal(signal.SIGTERM)
            self._wait(child, _STOPPED_WITHIN)

    def _log(self, name: str) -> Path:
        return self.project.parent / f"{name}.log"

    def _start(self, log: Path, *words: str, project: Path | None = None) -> Child:
        with log.open("wb") as output:
            child = subprocess.Popen(
                [str(self.project / ".venv/bin/python"), "-m", *words],
                cwd=project or self.project,
                env={**os.environ, **self.settings, "PYTHONPATH": str(ROOT)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.reaper.process(child)
        return child

    def _wait(self, child: Child, within: float) -> int:
        try:
            return child.wait(within)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
            text = f"{child.args!r} did not end within {within:.0f} s"
            raise ToolError(text) from None
        finally:
            self.reaper.forget_process(child)


def await_line(log: Path, *texts: str) -> list[str]:
    """Wait until a log says each of these, and return its lines."""
    deadline = time.monotonic() + _STARTED_WITHIN
    while True:
        said = log.read_text(errors="replace")
        if all(text in said for text in texts):
            return said.splitlines()
        if time.monotonic() > deadline:
            text = f"{log} does not say all that it should:\n{last_lines(log)}"
            raise ToolError(text)
        time.sleep(_POLL)
