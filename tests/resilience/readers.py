"""Processes that read and write users through the cache, and the check of what they read."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tests.resilience import history, report
from tools.common.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.resilience.runner import Runner
    from tools.common.processes import Child

USERS = 6
PROCESSES = 2
READERS = 6
WRITERS = 2
Window = tuple[float, float]


class Verdict(NamedTuple):
    """Counts of operations. `stale` are violations of the order; `excused` are allowed ones."""

    reads: int
    writes: int
    stale: int
    excused: int

    def __str__(self) -> str:
        """Return the counts in one line."""
        text = f"{self.reads:,} reads, {self.writes:,} writes, {self.stale} stale"
        return f"{text}, {self.excused} more in the allowed windows" if self.excused else text


class CacheLoad:
    """Readers and writers in processes of their own."""

    def __init__(self, runner: Runner) -> None:
        """Create the users that they read and write."""
        self.runner = runner
        self._children: list[Child] = []
        assert runner.reap(runner.cache_driver("prepare", str(USERS))) == 0, runner.tail()
        lines = [line.split() for log in self._logs() for line in log.read_text().splitlines()]
        self.ids = [word for line in lines if line[:1] == ["made"] for word in line[1:]]

    def words(self, reads: int) -> tuple[str, ...]:
        """Return a driver's arguments for this number of reads."""
        return ("run", str(reads), str(READERS), str(WRITERS), *self.ids)

    def start(self, reads: int = 10**9) -> None:
        """Start another process."""
        self._children.append(self.runner.cache_driver(*self.words(reads)))

    def run(self, reads: int) -> None:
        """Divide the reads among the processes, and wait for their end."""
        for _ in range(PROCESSES):
            self.start(reads // PROCESSES)
        self.finish()

    def finish(self) -> None:
        """Wait until all processes have done their reads; each must succeed."""
        codes = [self.runner.reap(child, report.size(120, 1500)) for child in self._children]
        self._children = []
        assert codes == [0] * len(codes), self.runner.tail()

    def stop(self, reads: int) -> None:
        """End all processes as soon as there are this many operations."""
        within = report.size(120, 1500)
        eventually(
            "there are enough operations", lambda: len(history.read(self._logs())) > reads, within
        )
        codes = [self.runner.terminate(child) for child in self._children]
        assert codes == [0] * len(codes), self.runner.tail()

    def verdict(self, scenario: str, excused: Sequence[Window] = ()) -> Verdict:
        """Check all operations; violations that began within the windows are counted apart."""
        operations = history.read(self._logs())
        late = list(history.violations(operations))
        inside = [o for o in late if any(begin <= o.start <= end for begin, end in excused)]
        reads = sum(not operation.is_write for operation in operations)
        verdict = Verdict(reads, len(operations) - reads, len(late) - len(inside), len(inside))
        report.cache(scenario, str(verdict))
        return verdict

    def _logs(self) -> list[Path]:
        return sorted(self.runner.logs.glob("cache-*.log"))
