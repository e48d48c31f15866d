"""One Uvicorn worker under load: what it answers, and what that costs it."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2

from bench.stage import ROOT, Stage
from tools.common.errors import ToolError
from tools.common.machine import free_port, last_lines

SCRIPT = Path(__file__).with_name("wrk.lua")
CONNECTIONS = 32
_STARTED_WITHIN = 60.0
_TICKS = os.sysconf("SC_CLK_TCK")
_POLL = 0.002
_OURS = ("PYTHONDONTWRITEBYTECODE",)  # or every start would compile every library


@dataclass(frozen=True)
class Load:
    """What `wrk` saw, in milliseconds, and the server's CPU time for one request."""

    requests: int
    per_second: float
    p50: float
    p99: float
    cpu_ms: float


@dataclass(frozen=True)
class Target:
    """A server that answers."""

    url: str
    pid: int
    first_answer: float
    """Seconds from its start."""
    wrk: str

    def load(
        self, path: str, seconds: int, *words: str | Path, connections: int = CONNECTIONS
    ) -> Load:
        """Ask for `path` for some seconds; the words are for the script."""
        options = ("-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "--latency")
        command = [self.wrk, *options, "-s", str(SCRIPT), self.url + path, "--", *map(str, words)]
        before = self._cpu_seconds()
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        cpu = self._cpu_seconds() - before
        if done.returncode != 0:
            text = f"wrk failed: {done.stdout}{done.stderr}"
            raise ToolError(text)
        seen = json.loads(done.stdout.splitlines()[-1])
        if seen["failed"]:
            text = f"{path} was refused or lost {seen['failed']} times"
            raise ToolError(text)
        count = seen["requests"]
        rate = count / seen["seconds"]
        return Load(count, rate, seen["p50"], seen["p99"], cpu / count * 1000)

    def resident(self) -> int:
        """Tell how much memory the process has, in KiB."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0])

    def _cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS


@contextmanager
def serving(stage: Stage, app: str, wrk: str) -> Iterator[Target]:
    """Start one Uvicorn worker as the service's image does, and stop it afterwards."""
    port = free_port()
    words = [str(stage.project / ".venv/bin/python"), "-m", "uvicorn", app]
    words += ["--host", "127.0.0.1", "--port", str(port), "--no-access-log", "--no-server-header"]
    log = stage.project.parent / f"{app.partition(':')[0]}.log"
    environment = {key: value for key, value in os.environ.items() if key not in _OURS}
    begun = time.monotonic()
    with log.open("wb") as output:
        child = subprocess.Popen(
            words,
            cwd=stage.project,
            env={**environment, **stage.settings, "PYTHONPATH": f"{stage.project}:{ROOT}"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    stage.reaper.process(child)
    url = f"http://127.0.0.1:{port}"
    try:
        while not _answers(url):
            if child.poll() is not None or time.monotonic() - begun > _STARTED_WITHIN:
                text = f"{app} does not answer:\n{last_lines(log)}"
                raise ToolError(text)
            time.sleep(_POLL)
        yield Target(url, child.pid, time.monotonic() - begun, wrk)
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait()
        stage.reaper.forget_process(child)


def _answers(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/health/live", timeout=2).status_code == httpx2.codes.OK
    except httpx2.HTTPError:
        return False
