"""Clean-up of what a run has started, however the run ends.

A second process waits on a pipe. The pipe closes when the run is over or was killed, also by
SIGKILL, which no handler sees. The second process then ends the run's processes and removes its
containers and folders. There is no other clean-up, so every run exercises this one.
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

from tools.common import machine
from tools.common.docker import docker
from tools.common.paths import ROOT
from tools.common.processes import Child

_GRACE = 8.0
_LIMIT = 60.0


class Reaper:
    """The run's side: registers what the second process has to clean up."""

    def __enter__(self) -> Self:
        """Start the second process, which a Ctrl-C in the terminal does not reach."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tools.servers.reaper"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
            text=True,
        )
        self._children: list[Child] = []
        return self

    def __exit__(self, *_: object) -> None:
        """Close the pipe and wait until all has ended."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        deadline = time.monotonic() + _LIMIT
        while self._process.poll() is None and time.monotonic() < deadline:
            for child in self._children:
                child.poll()
            time.sleep(0.02)

    def folder(self, prefix: str) -> Path:
        """Create a folder that is removed after the run."""
        path = Path(tempfile.mkdtemp(prefix=prefix))
        self._send("folder", str(path))
        return path

    def process(self, child: Child, ending: signal.Signals = signal.SIGTERM) -> None:
        """Register a process that leads its own group."""
        self._children.append(child)
        self._send("process", child.pid, int(ending))

    def forget_process(self, child: Child) -> None:
        """Unregister a process that has been waited for: its number is free again."""
        self._children.remove(child)
        self._send("forget", child.pid)

    def container(self, name: str) -> None:
        """Register a container before it is created, so that it is never left behind."""
        self._send("container", name)

    def _send(self, *words: str | int) -> None:
        if self._process.stdin is not None:
            self._process.stdin.write(json.dumps(words) + "\n")
            self._process.stdin.flush()


def _end_processes(registered: dict[int, signal.Signals]) -> None:
    """Send each its signal, wait for all together, then send SIGKILL."""
    every = [pid for leader in registered for pid in machine.tree(leader)]
    for leader, ending in registered.items():
        machine.send_group(leader, ending)
    for pid in every:
        machine.send(pid, signal.SIGCONT)  # a paused process receives nothing but SIGKILL
    deadline = time.monotonic() + _GRACE
    while any(machine.alive(pid) for pid in every) and time.monotonic() < deadline:
        time.sleep(0.02)
    for pid in every:
        if machine.alive(pid):
            machine.send(pid, signal.SIGKILL)
    for leader in registered:
        machine.send_group(leader, signal.SIGKILL)


def _remove_containers(names: list[str]) -> None:
    """Remove containers with their volumes; retry if a killed run's `docker run` was under way."""
    for _ in range(3):
        answer = docker("rm", "--force", "--volumes", *names, within=_LIMIT)
        if "No such container" not in answer.stdout:
            return
        time.sleep(0.5)


@dataclass
class _Registered:
    processes: dict[int, signal.Signals] = field(default_factory=dict)
    containers: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)


def _listen() -> _Registered:
    """Read what the run registers, until the pipe closes."""
    registered = _Registered()
    for line in sys.stdin:
        match json.loads(line):
            case ["process", pid, ending]:
                registered.processes[pid] = signal.Signals(ending)
            case ["forget", pid]:
                registered.processes.pop(pid, None)
            case ["container", name]:
                registered.containers.append(name)
            case ["folder", path]:
                registered.folders.append(path)
    return registered


def main() -> None:
    """Wait for the end of the run, then clean up."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    registered = _listen()
    _end_processes(registered.processes)
    if registered.containers:
        _remove_containers(registered.containers)
    for path in registered.folders:
        shutil.rmtree(path, ignore_errors=True)


if __name__ == "__main__":
    main()
