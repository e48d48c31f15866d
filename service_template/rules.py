"""The rule of each question: a rule returns one line about a wrong answer, or None."""

from __future__ import annotations

import re
import unicodedata
from functools import partial
from typing import TYPE_CHECKING

from service_template.questions import CHOICES, YES_AND_NO
from service_template.slugs import slug_problem

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_ATOM = r"""[^\s@<>()\[\],;:"\\.]"""
EMAIL = re.compile(
    rf"(?=[^@]*[^\W_])({_ATOM}+\.)*{_ATOM}+@"  # a letter or digit before the @
    rf"([^\W_]{_ATOM}*(?<!-)\.)+[^\W\d_]{_ATOM}+(?<!-)"
)
# Invisible characters that are allowed: Persian text, emoji families and flags need them.
JOINERS = {"\N{ZERO WIDTH NON-JOINER}", "\N{ZERO WIDTH JOINER}", *map(chr, range(0xE0020, 0xE0080))}
# Letters and symbols by their category, but fonts draw them as an empty space.
BLANKS = {
    "\N{HANGUL CHOSEONG FILLER}",
    "\N{HANGUL JUNGSEONG FILLER}",
    "\N{HANGUL FILLER}",
    "\N{HALFWIDTH HANGUL FILLER}",
    "\N{BRAILLE PATTERN BLANK}",
}


def is_unprintable(character: str) -> bool:
    """Return True for a character that breaks lines, is invisible or reorders its neighbours."""
    if character in JOINERS:
        return False
    # U+FFFE and U+FFFF are not characters, and YAML rejects them.
    return (
        unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"}
        or character in BLANKS
        or character in "\ufffe\uffff"
    )


def is_readable(character: str) -> bool:
    """Return True for a letter, a digit or a symbol such as an emoji."""
    return unicodedata.category(character)[0] in "LN" or unicodedata.category(character) == "So"


def text_problem(value: object, *, limit: int, required: bool = True) -> str | None:
    """Check free text: one line of visible characters in any script."""
    if not isinstance(value, str):
        return "must be text: put it in quotes."
    if required and not value.strip():
        return "must not be empty: enter some text."
    return _form_problem(value, limit) if value else None


def _form_problem(value: str, limit: int) -> str | None:
    if value != value.strip():
        return "must not start or end with a space: remove it."
    if len(value) > limit:
        return f"has {len(value)} characters: shorten it to {limit} at most."
    hidden = next(filter(is_unprintable, value), None)
    if hidden:
        return f"contains the invisible character U+{ord(hidden):04X}: remove it."
    if not any(map(is_readable, value)):
        return "must contain a letter or a digit: enter some text."
    return None


def email_problem(value: object) -> str | None:
    """Check the form of an e-mail address; only a sent mail could prove that the address exists."""
    if isinstance(value, str) and value and not EMAIL.fullmatch(value):
        return "is not an e-mail address: enter one like name@example.com, or nothing."
    return text_problem(value, limit=254, required=False)


def choice_problem(value: object, *, choices: list[str]) -> str | None:
    """Check an answer to a question with choices; `convert_choices` has already converted it."""
    if choices == YES_AND_NO:
        return None if isinstance(value, bool) else "must be yes or no."
    return None if value in choices else f"must be one of: {', '.join(choices)}."


RULES: dict[str, Callable[[object], str | None]] = {
    "project_name": partial(text_problem, limit=60),  # must fit a heading, a browser tab and `ps`
    "project_slug": slug_problem,
    "project_description": partial(text_problem, limit=200, required=False),
    "author_name": partial(text_problem, limit=100),
    "author_email": email_problem,
    **{name: partial(choice_problem, choices=choices) for name, choices in CHOICES.items()},
}


def first_problem(answers: Mapping[str, object]) -> str | None:
    """Return one line about the first wrong answer, or None."""
    checked = ((key, rule(answers[key])) for key, rule in RULES.items() if key in answers)
    return next((f"{key} {problem}" for key, problem in checked if problem), None)
