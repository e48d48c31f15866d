"""The benchmarks measure what they say. The figures of a run this short mean nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SHORT = (
    "--rounds 1 --seconds 0.5 --users 5000 --events 3000 --paced 20 --reads 50 --logins 20 "
    "--requests 2000 --sizes 300 600"
)
ENDS = ("ok", "FAILED", "ok, short of the goal")


@pytest.mark.timeout(1200)
def test_a_short_benchmark_measures_everything_also_against_another_version(
    tmp_path: Path,
) -> None:
    picture = tmp_path / "latency.svg"
    words = [*SHORT.split(), "--plot", str(picture), "--against", str(ROOT)]
    done = subprocess.run(
        [sys.executable, "-m", "bench", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=ROOT,
        text=True,
        check=False,
    )
    assert done.returncode in {0, 1}, done.stdout
    _, _, table = done.stdout.partition("must")
    measured = {line[:40].strip() for line in table.splitlines() if line.endswith(ENDS)}
    requests = 11 + 7
    messages = 7 + 3
    logins = 3
    growth = 3 + 1
    memory = 2
    assert len(measured) == requests + messages + logins + growth + memory, done.stdout
    assert picture.read_text().startswith("<svg")
