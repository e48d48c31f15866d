"""CPU cores: the processes under test share one, load generators and databases have the others."""

import os
import subprocess
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Cores:
    """A set of cores for each role. Both are empty where processes cannot be pinned."""

    tested: frozenset[int]
    others: frozenset[int]

    @classmethod
    def choose(cls) -> "Cores":
        """Reserve the last core that this process may use for the processes under test."""
        usable = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
        if len(usable) < 2:  # noqa: PLR2004 - one for each role
            return cls(frozenset(), frozenset())
        return cls(frozenset(usable[-1:]), frozenset(usable[:-1]))

    def __str__(self) -> str:
        """Describe the assignment, or say that there is none."""
        if not self.tested:
            return "Not pinned (one core, or no CPU affinity here): expect more noise."
        tested, others = (",".join(map(str, sorted(c))) for c in (self.tested, self.others))
        return f"Pinned: processes under test on core {tested}, everything else on {others}."

    def leave_tested(self) -> None:
        """Pin this process, and with it all that it starts later, to the other cores."""
        if self.others:
            os.sched_setaffinity(0, self.others)

    @contextmanager
    def starting_tested(self) -> Iterator[None]:
        """Give the processes that the body starts the core of the processes under test."""
        if self.tested:
            os.sched_setaffinity(0, self.tested)
        try:
            yield
        finally:
            self.leave_tested()

    def pin_containers(self, ports: Collection[str]) -> None:
        """Pin the Docker containers that publish these ports: they inherit nothing from here."""
        if not self.others:
            return
        cores = ",".join(map(str, sorted(self.others)))
        for port in ports:
            for name in _docker("ps", "--quiet", "--filter", f"publish={port}").split():
                _docker("update", f"--cpuset-cpus={cores}", name)
        for task in _proxy_tasks(ports):
            with suppress(OSError):  # not ours to pin, or ended
                os.sched_setaffinity(task, self.others)


def _docker(*words: str) -> str:
    try:
        done = subprocess.run(["docker", *words], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout


def _proxy_tasks(ports: Collection[str]) -> Iterator[int]:
    """Yield the threads of the processes that Docker forwards these ports with."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words = (process / "cmdline").read_text(errors="replace").split("\0")
            if words[0].endswith("docker-proxy") and not set(ports).isdisjoint(words):
                yield from (int(task.name) for task in (process / "task").iterdir())
