"""The processes under test: started on their core, metered by /proc, stopped with SIGTERM."""

import os
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from bench.cores import Cores
from tools.common.errors import ToolError
from tools.common.machine import last_lines
from tools.common.processes import Child
from tools.servers.reaper import Reaper

_STOPPED_WITHIN = 60.0
_TICKS = os.sysconf("SC_CLK_TCK")
_DROPPED = ("PYTHONDONTWRITEBYTECODE",)  # else each start would compile every library again
_numbers = count(1)


@dataclass(frozen=True)
class Process:
    """A running process and its log."""

    child: Child
    log: Path

    def cpu_seconds(self) -> float:
        """Return the CPU time of all its threads so far, as exactly as the kernel keeps it."""
        self.check()
        threads = Path(f"/proc/{self.child.pid}/task").glob("*/schedstat")
        if times := [int(thread.read_text().split()[0]) for thread in threads]:
            return sum(times) / 1e9
        fields = self._read("stat").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def resident_kib(self) -> int:
        """Return its resident memory."""
        return int(self._read("status").partition("VmRSS:")[2].split()[0])

    def pause(self) -> None:
        """Stop it until `resume`."""
        self.child.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it continue."""
        self.child.send_signal(signal.SIGCONT)

    def check(self) -> None:
        """Raise if it has ended."""
        if self.child.poll() is not None:
            text = f"{self.child.args!r} ended:\n{last_lines(self.log)}"
            raise ToolError(text)

    def _read(self, name: str) -> str:
        self.check()
        return Path(f"/proc/{self.child.pid}/{name}").read_text()


@dataclass(frozen=True)
class Launcher:
    """Starts processes under test."""

    cores: Cores
    reaper: Reaper

    def start(
        self, *words: str, folder: Path, logs: Path, environment: Mapping[str, str]
    ) -> Process:
        """Start a command in `folder`, with a new log file in `logs`."""
        log = logs / f"{next(_numbers):03}.log"
        inherited = {key: value for key, value in os.environ.items() if key not in _DROPPED}
        with log.open("wb") as output, self.cores.starting_tested():
            child = subprocess.Popen(
                words,
                cwd=folder,
                env={**inherited, **environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.reaper.process(child)
        return Process(child, log)

    def stop(self, process: Process) -> None:
        """End a process and wait for it."""
        process.resume()
        process.child.send_signal(signal.SIGTERM)
        try:
            process.child.wait(_STOPPED_WITHIN)
        except subprocess.TimeoutExpired:
            process.child.kill()
            process.child.wait()
        self.reaper.forget_process(process.child)
