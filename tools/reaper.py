"""Ends what a run has started, however the run ends.

A second process waits on a pipe. When the pipe closes, because the run is over or because it was
killed in any way at all (also with SIGKILL, which no handler sees), it ends the processes,
removes the containers and then the folders it was told of. There is no other way of cleaning up,
so this one is exercised by every run.
"""

import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from tools import machine

Child = subprocess.Popen[bytes]

_ROOT = Path(__file__).parent.parent
_GRACE = 8.0
_LIMIT = 60.0


class Reaper:
    """The run's side: a context manager that tells the second process what to end."""

    def __enter__(self) -> Self:
        """Start the second process, out of reach of a Ctrl-C in the terminal."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tools.reaper"],
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
            text=True,
        )
        self._children: list[Child] = []
        return self

    def __exit__(self, *_: object) -> None:
        """Close the pipe and wait until everything has ended."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        deadline = time.monotonic() + _LIMIT
        while self._process.poll() is None and time.monotonic() < deadline:
            for child in self._children:
                child.poll()
            time.sleep(0.02)

    def folder(self, prefix: str) -> Path:
        """Make a folder that goes with the run."""
        path = Path(tempfile.mkdtemp(prefix=prefix))
        self._tell("folder", str(path))
        return path

    def process(self, child: Child, ending: signal.Signals = signal.SIGTERM) -> None:
        """Watch a process that leads its own group."""
        self._children.append(child)
        self._tell("process", child.pid, int(ending))

    def forget_process(self, child: Child) -> None:
        """Stop watching a process that has been waited for: its number is free again."""
        self._children.remove(child)
        self._tell("forget", child.pid)

    def container(self, name: str) -> None:
        """Watch a container; told before it is made, so that no moment is uncovered."""
        self._tell("container", name)

    def _tell(self, *words: str | int) -> None:
        if self._process.stdin is not None:
            self._process.stdin.write(json.dumps(words) + "\n")
            self._process.stdin.flush()


def _end_processes(watched: dict[int, signal.Signals]) -> None:
    """Ask each in its own way, wait for all together, then insist."""
    everyone = [pid for leader in watched for pid in machine.tree(leader)]
    for leader, ending in watched.items():
        machine.send_group(leader, ending)
    for pid in everyone:
        machine.send(pid, signal.SIGCONT)  # a paused process hears nothing but SIGKILL
    deadline = time.monotonic() + _GRACE
    while any(machine.alive(pid) for pid in everyone) and time.monotonic() < deadline:
        time.sleep(0.02)
    for pid in everyone:
        if machine.alive(pid):
            machine.send(pid, signal.SIGKILL)
    for leader in watched:
        machine.send_group(leader, signal.SIGKILL)


def _remove_containers(names: list[str]) -> None:
    """Remove them with their volumes; asked again if a killed run's `docker run` was under way."""
    for _ in range(3):
        answer = subprocess.run(
            ["docker", "rm", "--force", "--volumes", *names],
            capture_output=True,
            text=True,
            check=False,
            timeout=_LIMIT,
        )
        if "No such container" not in answer.stderr:
            return
        time.sleep(0.5)


@dataclass
class _Watched:
    processes: dict[int, signal.Signals] = field(default_factory=dict)
    containers: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)


def _listen() -> _Watched:
    """Take down what the run tells, until the pipe closes."""
    watched = _Watched()
    for line in sys.stdin:
        match json.loads(line):
            case ["process", pid, ending]:
                watched.processes[pid] = signal.Signals(ending)
            case ["forget", pid]:
                watched.processes.pop(pid, None)
            case ["container", name]:
                watched.containers.append(name)
            case ["folder", path]:
                watched.folders.append(path)
    return watched


def main() -> None:
    """Outlive the run, then end what it leaves."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    watched = _listen()
    _end_processes(watched.processes)
    if watched.containers:
        _remove_containers(watched.containers)
    for path in watched.folders:
        shutil.rmtree(path, ignore_errors=True)


if __name__ == "__main__":
    main()
