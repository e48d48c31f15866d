"""Linearizability check: can all reads and writes have happened in one order?

After Herlihy and Wing, "Linearizability: A Correctness Condition for Concurrent Objects" (1990).
The search for such an order is hard in general (Gibbons and Korach, 1997). Here versions are unique
and ordered, so there is one candidate. A history is correct if and only if no real-time edge
contradicts that order: an operation that began after another one ended must not have an older
version.
"""

from __future__ import annotations

import json
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

FOREVER = float("inf")


class Operation(NamedTuple):
    """A read or a write of one key, in seconds of the clock that all processes share.

    A write without a logged end may have happened at any time after its start.
    """

    key: str
    version: int
    start: float
    end: float
    is_write: bool


def read(logs: Iterable[Path]) -> list[Operation]:
    """Read the drivers' logs. A driver that was killed leaves writes without an end."""
    found: list[Operation] = []
    for log in logs:
        begun: dict[int, Operation] = {}
        for line in log.read_text().splitlines():
            if not (line.startswith("[") and line.endswith("]")):
                continue
            key, version, start, end, is_write = json.loads(line)
            operation = Operation(key, version, start, end or FOREVER, is_write)
            if is_write:
                begun[version] = operation  # a second line of the same write has its end
            else:
                found.append(operation)
        found += begun.values()
    return found


def violations(history: Sequence[Operation]) -> Iterator[Operation]:
    """Yield each operation that is too late for its version."""
    ordered = sorted(history, key=lambda operation: (operation.key, operation.start))
    for _, group in groupby(ordered, key=lambda operation: operation.key):
        operations = list(group)
        writes = [o.version for o in operations if o.is_write]
        assert len(writes) == len(set(writes)), "two writes of one version"
        ended = sorted(operations, key=lambda operation: operation.end, reverse=True)
        newest = 0
        for operation in operations:
            while ended and ended[-1].end < operation.start:
                newest = max(newest, ended.pop().version)
            # Two reads may have the same version. A write must have a new one.
            if operation.version < newest + operation.is_write:
                yield operation
