"""The benchmarks run to their end. The results of such short runs mean nothing."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING

import pytest

from tools.common.processes import try_run
from tools.servers import packages

if TYPE_CHECKING:
    from pathlib import Path

    from tools.servers.running import Servers

EVENTS = "--rounds 1 --events 500 --paced 20 --reads 50 --logins 20"
SPEED = "--rounds 1 --seconds 1 --users 5000 --events 250 --requests 2000 --sizes 300 600"
ENDS = ("ok", "FAILED", "ok, short of the goal")


def measured(servers: Servers, module: str, *words: str) -> dict[str, str]:
    """Run a benchmark on these servers and return the lines of its table by their titles."""
    environment = {**os.environ, "SERVERS": "environment", **servers.urls()}
    done = try_run(sys.executable, "-m", module, *words, environment=environment)
    assert done.returncode in {0, 1}, done.stdout
    _, _, lines = done.stdout.partition("must")
    assert lines, done.stdout
    return {line[:30].strip(): line for line in lines.splitlines() if line.endswith(ENDS)}


@pytest.mark.timeout(600)
def test_the_benchmark_of_messaging_prints_all_ten_measurements(servers: Servers) -> None:
    table = measured(servers, "bench", *EVENTS.split())
    assert len(table) == 10, table


@pytest.mark.skipif(
    not shutil.which("wrk") and packages.obstacle() is not None,
    reason="needs wrk, which is not installed and cannot be",
)
@pytest.mark.timeout(600)
def test_the_benchmark_of_requests_prints_all_measurements_and_draws_the_plot(
    tmp_path: Path, servers: Servers
) -> None:
    plot = tmp_path / "latency.svg"
    table = measured(servers, "bench.speed", *SPEED.split(), "--plot", str(plot))
    assert len(table) == 7 + 3 + 1, table
    assert plot.read_text().startswith("<svg")
