"""Stops with one line if cookiecutter or Python is too old for this template.

cookiecutter.json names this module before `local_extensions`. Its code must run on any Python 3.
Cookiecutter 1 cannot load it and prints its name, which says what to install.
"""

import re
import sys

import cookiecutter
from cookiecutter.exceptions import FailedHookException
from jinja2 import Environment
from jinja2.ext import Extension

OLDEST_COOKIECUTTER = (2, 7)
OLDEST_PYTHON = (3, 11)


def _is_older(version: str, oldest: "tuple[int, int]") -> bool:
    """Compare the first two numbers of a version."""
    return tuple(map(int, re.findall(r"\d+", version)[:2])) < oldest


def old_cookiecutter(version: str) -> "str | None":
    """Return a message if this version of cookiecutter is too old, or None."""
    if not _is_older(version, OLDEST_COOKIECUTTER):
        return None
    needed = "{}.{}".format(*OLDEST_COOKIECUTTER)
    return f"Cookiecutter {version} is too old for this template: install {needed} or later."


def old_python(version: str) -> "str | None":
    """Return a message if this version of Python is too old, or None."""
    if not _is_older(version, OLDEST_PYTHON):
        return None
    needed = "{}.{}".format(*OLDEST_PYTHON)
    return (
        f"Python {version} is too old for this template: run cookiecutter on {needed} or later, "
        f"for example with `uvx --python {needed} cookiecutter`."
    )


class CheckVersions(Extension):
    """Checks the versions when cookiecutter loads it, before the first question."""

    def __init__(self, environment: Environment) -> None:
        """Stop at a version that is too old."""
        super().__init__(environment)
        python = "{}.{}".format(*sys.version_info)
        problem = old_python(python) or old_cookiecutter(cookiecutter.__version__)
        if problem:
            raise FailedHookException(problem)
