"""The benchmarks run to their end. The results of such short runs mean nothing."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from tools.common.paths import ROOT
from tools.common.processes import try_run

if TYPE_CHECKING:
    from pathlib import Path

    from tools.servers.running import Servers

SHORT = (
    "--rounds 1 --seconds 0.5 --users 5000 --events 3000 --paced 20 --reads 50 --logins 20 "
    "--requests 2000 --sizes 300 600"
)
ENDS = ("ok", "FAILED", "ok, short of the goal")


def measured(servers: Servers, *words: str) -> set[str]:
    """Run the benchmark on these servers and return the titles of the lines of its table."""
    environment = {**os.environ, "SERVERS": "environment", **servers.urls()}
    done = try_run(sys.executable, "-m", "bench", *words, environment=environment)
    assert done.returncode in {0, 1}, done.stdout
    _, _, table = done.stdout.partition("must")
    assert table, done.stdout
    return {line[:40].strip() for line in table.splitlines() if line.endswith(ENDS)}


@pytest.mark.timeout(900)
def test_the_benchmark_measures_requests_and_messages(servers: Servers) -> None:
    titles = measured(servers, *SHORT.split(), "--only", "requests", "messages")
    assert len(titles) == 11 + 7, titles


@pytest.mark.skipif("NIGHTLY" not in os.environ, reason="NIGHTLY=1 runs it, as nightly.yml does")
@pytest.mark.timeout(900)
def test_the_benchmark_prints_every_measurement_and_draws_the_plot(
    tmp_path: Path, servers: Servers
) -> None:
    plot = tmp_path / "latency.svg"
    titles = measured(servers, *SHORT.split(), "--plot", str(plot))
    requests = 11
    messages = 7
    logins = 3
    growth = 3 + 1
    memory = 1
    assert len(titles) == requests + messages + logins + growth + memory, titles
    assert plot.read_text().startswith("<svg")


@pytest.mark.skipif("NIGHTLY" not in os.environ, reason="NIGHTLY=1 runs it, as nightly.yml does")
@pytest.mark.timeout(900)
def test_the_benchmark_compares_a_render_with_an_earlier_version(servers: Servers) -> None:
    words = [*SHORT.split(), "--only", "requests", "--against", str(ROOT)]
    titles = measured(servers, *words)
    assert len(titles) == 11 + 7, titles
