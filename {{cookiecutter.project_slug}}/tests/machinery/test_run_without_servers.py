"""A run of the tests that finds no server: one sentence, and no internal error of pytest-xdist."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from src.utils.settings import ROOT
from tests.support.environment import FIELDS

HERE = Path(__file__).parent


@pytest.mark.parametrize("processes", ["0", "2"])
def test_a_run_without_servers_ends_with_the_sentence_that_says_what_to_do(processes: str) -> None:
    own = {name: value for name, value in os.environ.items() if name not in FIELDS}
    own |= {"DOCKER_HOST": "unix:///there/is/no/docker"}
    command = ("-m", "pytest", "--numprocesses", processes, "--no-cov", HERE / "test_engine.py")
    done = subprocess.run(  # noqa: S603  this Python
        (sys.executable, *command), cwd=ROOT, env=own, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "The tests need POSTGRES: start Docker, or name a server" in done.stdout
    assert "INTERNALERROR" not in done.stdout + done.stderr
