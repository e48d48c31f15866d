"""Check the installed packages for known vulnerabilities: `make audit`.

A package that could not be checked fails the audit. pyproject.toml lists the vulnerabilities to
ignore, each with a reason and the last day on which it is ignored:

    [tool.audit]
    exceptions = [{ id = "PYSEC-2026-1", until = 2026-12-31, reason = "the API parses no XML" }]
"""

import subprocess
import sys
import tomllib
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent
FIELDS = {"id": str, "until": date, "reason": str}


def read_exceptions(pyproject: dict[str, Any], today: date) -> list[str]:
    """Return the ids of the vulnerabilities to ignore today.

    Raises:
        SystemExit: An exception is malformed or has expired. The message names it.
    """
    exceptions = pyproject.get("tool", {}).get("audit", {}).get("exceptions", [])
    for exception in exceptions:
        is_table = isinstance(exception, dict)
        if not is_table or {name: type(value) for name, value in exception.items()} != FIELDS:
            sys.exit(
                f"pyproject.toml: the exception {exception} needs an id, a day without quotes such"
                " as until = 2026-12-31, and a reason, and nothing else"
            )
        if exception["until"] < today:
            sys.exit(
                f"pyproject.toml: the exception for {exception['id']} expired after"
                f" {exception['until']}; update the package, or renew the exception"
            )
    return [exception["id"] for exception in exceptions]


def main() -> int:
    """Run pip-audit and return its exit code."""
    pyproject = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
    ignored = read_exceptions(pyproject, datetime.now(UTC).date())
    command = [sys.executable, "-m", "pip_audit", "--strict", "--progress-spinner", "off"]
    command += [f"--ignore-vuln={name}" for name in ignored]
    return subprocess.run(command, check=False).returncode  # noqa: S603 -- no part is input


if __name__ == "__main__":
    sys.exit(main())
