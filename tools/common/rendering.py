"""Rendering of a service, by the command that a user types."""

import sys
from pathlib import Path

from tools.common.paths import ROOT
from tools.common.processes import run


def command(output: Path) -> list[str]:
    """Return the command that renders into a folder and reads no configuration of the user's."""
    words = [sys.executable, "-m", "cookiecutter", str(ROOT), "--default-config"]
    return [*words, "--output-dir", str(output)]


def render(output: Path, **answers: str) -> Path:
    """Render into a folder, with defaults for all other answers; return the service's folder."""
    given = (f"{name}={answer}" for name, answer in answers.items())
    run(*command(output), "--no-input", *given)
    [service] = (path for path in output.iterdir() if path.is_dir())
    return service
