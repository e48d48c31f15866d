"""Concurrent readers and writers in several processes: no read returns a replaced value."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.resilience import report
from tests.resilience.history import FOREVER, Operation, violations
from tests.resilience.readers import CacheLoad

if TYPE_CHECKING:
    from tests.resilience.conftest import NewRunner

READS = report.size(8_000, 220_000)


def write(version: int, start: float, end: float) -> Operation:
    return Operation("a", version, start, end, is_write=True)


def read(version: int, start: float, end: float) -> Operation:
    return Operation("a", version, start, end, is_write=False)


@pytest.mark.parametrize(
    "history",
    [
        [write(1, 0, 1), read(1, 2, 3), write(2, 4, 5), read(2, 6, 7)],
        [write(1, 0, 1), write(2, 2, 6), read(1, 3, 4), read(2, 3, 4), read(2, 7, 8)],
        [write(1, 0, FOREVER), read(0, 1, 2), read(1, 3, 4)],
        [write(5, 0, 1), Operation("b", 0, 2, 3, is_write=False)],
    ],
)
def test_a_linearizable_history_has_no_violations(history: list[Operation]) -> None:
    assert list(violations(history)) == []


@pytest.mark.parametrize(
    ("history", "wrong"),
    [
        ([write(1, 0, 1), read(0, 2, 3)], read(0, 2, 3)),
        ([write(1, 0, 1), write(2, 2, 9), read(2, 3, 4), read(1, 5, 6)], read(1, 5, 6)),
        ([read(1, 0, 1), write(1, 2, 3)], write(1, 2, 3)),
        ([write(2, 0, 1), write(1, 2, 3)], write(1, 2, 3)),
    ],
    ids=["a stale read", "two reads in the wrong order", "a read too early", "a write too late"],
)
def test_an_operation_that_breaks_linearizability_is_found(
    history: list[Operation], wrong: Operation
) -> None:
    assert list(violations(history)) == [wrong]


@pytest.mark.timeout(report.size(180, 1800))
def test_reads_and_writes_of_several_processes_are_linearizable(new_runner: NewRunner) -> None:
    load = CacheLoad(new_runner())
    load.run(READS)
    verdict = load.verdict("without faults")
    assert verdict.reads >= READS
    assert verdict.writes > READS / 100
    assert verdict.stale == 0, verdict
