"""The benchmarks measure what they say. What comes out of a run this short says nothing."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tools import packages

if TYPE_CHECKING:
    from pathlib import Path

EVENTS = "--rounds 1 --events 500 --paced 20 --reads 50 --logins 20"
SPEED = "--rounds 1 --seconds 1 --users 5000 --events 250 --requests 2000 --sizes 300 600"
ENDS = ("ok", "FAILED", "ok, short of the goal")


def measured(module: str, *words: str) -> dict[str, str]:
    """Run a benchmark and return the lines of its table by their first words."""
    done = subprocess.run(
        [sys.executable, "-m", module, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode in {0, 1}, done.stdout
    _, _, lines = done.stdout.partition("must")
    assert lines, done.stdout
    return {line[:30].strip(): line for line in lines.splitlines() if line.endswith(ENDS)}


@pytest.mark.timeout(600)
def test_the_speed_of_events_is_measured() -> None:
    table = measured("bench", *EVENTS.split())
    assert len(table) == 10, table


@pytest.mark.skipif(
    not shutil.which("wrk") and packages.obstacle() is not None,
    reason="needs wrk, which is not here and cannot be installed",
)
@pytest.mark.timeout(600)
def test_the_cost_of_requests_is_measured_and_drawn(tmp_path: Path) -> None:
    plot = tmp_path / "latency.svg"
    table = measured("bench.speed", *SPEED.split(), "--plot", str(plot))
    assert len(table) == 7 + 3 + 1, table
    assert plot.read_text().startswith("<svg")
