"""The questions of cookiecutter.json, and the spellings of their answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import MutableMapping

ROOT = Path(__file__).resolve().parent.parent
SERVICE = "{{cookiecutter.project_slug}}"
# What a service is rendered from.
SOURCES = (
    "cookiecutter.json",
    "needs_cookiecutter_2_7.py",
    "local_extensions.py",
    "service_template",
    "hooks",
    "templates",
    SERVICE,
)
QUESTIONS: dict[str, Any] = json.loads((ROOT / "cookiecutter.json").read_text(encoding="utf-8"))
VERSION: str = QUESTIONS["_version"]
CHOICES: dict[str, list[str]] = QUESTIONS["_choices"]
PROMPTS: dict[str, str] = QUESTIONS["__prompts__"]
# Questions of earlier versions. The .cruft.json of a service still contains answers to them.
RETIRED: frozenset[str] = frozenset()

YES_AND_NO = ["yes", "no"]
# The same spellings as cookiecutter's booleans. Cookiecutter's own boolean and list questions end
# in a traceback after a wrong answer on the command line: see docs/adr/0008.
YES = ("1", "true", "t", "yes", "y", "on")
NO = ("0", "false", "f", "no", "n", "off")
YES_OR_NO = dict.fromkeys(YES, True) | dict.fromkeys(NO, False)


def _numbers(choices: list[str]) -> dict[str, str]:
    """Number the choices from 1, unless they look like numbers: `3` could be a version."""
    if any(choice[0].isdigit() for choice in choices):
        return {}
    return {str(number): choice for number, choice in enumerate(choices, 1)}


def convert_choices(answers: MutableMapping[str, object]) -> None:
    """Convert yes and no to booleans, and the number or any case of a choice to the choice."""
    for key, choices in CHOICES.items():
        answer = answers.get(key)
        if not isinstance(answer, str):
            continue
        word = answer.strip().lower()
        spellings: dict[str, Any] = _numbers(choices) | {c.lower(): c for c in choices}
        spellings = YES_OR_NO if choices == YES_AND_NO else spellings
        answers[key] = spellings.get(word, answer)
