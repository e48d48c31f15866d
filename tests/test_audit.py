"""`make audit`: exceptions have a date, and a package that could not be checked fails the audit.

The real pip-audit asks a service on the internet. Here a module in its place shows its arguments.
"""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tools.common.files import replace_once

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Render

PIP_AUDIT = "import sys\nprint(*sys.argv[1:])\nsys.exit(3)\n"
UNTIL = "2999-12-31"


@pytest.fixture
def audited(render: Render, tmp_path: Path) -> Path:
    """Render a service of which the test may change files, with a module `pip_audit` beside it."""
    (tmp_path / "pip_audit.py").write_text(PIP_AUDIT, encoding="utf-8")
    return render()


def audit(service: Path, modules: Path, exceptions: str) -> subprocess.CompletedProcess[str]:
    """Run the script with these exceptions in pyproject.toml."""
    table = "[tool.audit]\nexceptions = "
    replace_once(service / "pyproject.toml", (f"{table}[]", f"{table}[{exceptions}]"))
    return subprocess.run(
        (sys.executable, service / "scripts/audit.py"),
        env={"PYTHONPATH": str(modules)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_audit_is_strict_and_ends_with_the_exit_code_of_pip_audit(
    audited: Path, tmp_path: Path
) -> None:
    done = audit(audited, tmp_path, "")
    assert done.returncode == 3
    assert done.stdout == "--strict --progress-spinner off\n"


def test_an_exception_is_ignored_until_its_day(audited: Path, tmp_path: Path) -> None:
    entry = f'{{ id = "PYSEC-1", until = {UNTIL}, reason = "not reachable" }}'
    done = audit(audited, tmp_path, entry)
    assert done.stdout.split()[-1] == "--ignore-vuln=PYSEC-1"


def test_an_expired_exception_fails_the_audit_and_is_named(audited: Path, tmp_path: Path) -> None:
    entry = '{ id = "PYSEC-1", until = 2026-01-31, reason = "not reachable" }'
    done = audit(audited, tmp_path, entry)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == (
        "pyproject.toml: the exception for PYSEC-1 expired after 2026-01-31;"
        " update the package, or renew the exception\n"
    )


@pytest.mark.parametrize(
    "entry",
    [
        '{ id = "PYSEC-1" }',
        f'{{ id = "PYSEC-1", until = "{UNTIL}", reason = "" }}',
        f'{{ id = "PYSEC-1", until = {UNTIL}, reason = "", by = "me" }}',
        f'{{ id = 1, until = {UNTIL}, reason = "" }}',
        f'{{ id = "PYSEC-1", until = {UNTIL}T00:00:00, reason = "" }}',
        '"PYSEC-1"',
    ],
    ids=["incomplete", "quoted-day", "unknown-field", "number", "time", "no-table"],
)
def test_a_malformed_exception_fails_the_audit_with_one_sentence(
    audited: Path, tmp_path: Path, entry: str
) -> None:
    done = audit(audited, tmp_path, entry)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("pyproject.toml: the exception ")
    assert done.stderr.endswith("and nothing else\n")
