"""Processes that read and write users through the cache, and what they saw."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tests.resilience import checker, history, report

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.resilience.rig import Rig
    from tools.reaper import Child

USERS = 6
PROCESSES, READERS, WRITERS = 2, 6, 2
Window = tuple[float, float]


class Verdict(NamedTuple):
    """How many of each; `stale` are violations of the order, `excused` those that may be."""

    reads: int
    writes: int
    stale: int
    excused: int

    def __str__(self) -> str:
        """Say it in a line."""
        text = f"{self.reads:,} reads, {self.writes:,} writes, {self.stale} stale"
        return f"{text}, {self.excused} more while it may be" if self.excused else text


class Crowd:
    """Readers and writers in processes of their own."""

    def __init__(self, rig: Rig) -> None:
        """Make the users that they read and write."""
        self.rig = rig
        self._children: list[Child] = []
        assert rig.reap(rig.cache_driver("prepare", str(USERS))) == 0, rig.tail()
        lines = [line.split() for log in self._logs() for line in log.read_text().splitlines()]
        self.ids = [word for line in lines if line[:1] == ["made"] for word in line[1:]]

    def words(self, reads: int) -> tuple[str, ...]:
        """Give a driver's words for so many reads."""
        return ("run", str(reads), str(READERS), str(WRITERS), *self.ids)

    def start(self, reads: int = 10**9) -> None:
        """Start another process."""
        self._children.append(self.rig.cache_driver(*self.words(reads)))

    def run(self, reads: int) -> None:
        """Share so many reads among the processes, and wait for their end."""
        for _ in range(PROCESSES):
            self.start(reads // PROCESSES)
        self.finish()

    def finish(self) -> None:
        """Wait until all have read what they were to read, none of them in vain."""
        children, self._children = self._children, []
        codes = [self.rig.reap(child, report.size(120, 1500)) for child in children]
        assert codes == [0] * len(codes), self.rig.tail()

    def stop(self, reads: int) -> None:
        """Have all come to an end as soon as there are that many reads."""
        within = report.size(120, 1500)
        checker.eventually(
            "enough is read", lambda: len(history.read(self._logs())) > reads, within
        )
        codes = [self.rig.terminate(child) for child in self._children]
        assert codes == [0] * len(codes), self.rig.tail()

    def verdict(self, scenario: str, excused: Sequence[Window] = ()) -> Verdict:
        """Check what was seen; what happened within the windows is counted apart."""
        seen = history.read(self._logs())
        late = list(history.violations(seen))
        inside = [o for o in late if any(begin <= o.start <= end for begin, end in excused)]
        reads = sum(not operation.is_write for operation in seen)
        verdict = Verdict(reads, len(seen) - reads, len(late) - len(inside), len(inside))
        report.cache(scenario, str(verdict))
        return verdict

    def _logs(self) -> list[Path]:
        return sorted(self.rig.logs.glob("cache-*.log"))
