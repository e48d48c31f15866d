"""The template's extension of cookiecutter: rules for the answers and Jinja helpers for its files.

Cookiecutter loads the class `Answers` because `_extensions` in cookiecutter.json names it. The
rules run twice: after each answer, through the `__check_...` keys, and again when cookiecutter
renders `hooks/pre_gen_project.py`, because `--replay` skips those keys.
"""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
import time
import unicodedata
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import cookiecutter
from cookiecutter.exceptions import FailedHookException
from jinja2.ext import Extension
from slugify import slugify

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, MutableMapping

    from jinja2 import Environment

QUESTIONS: dict[str, Any] = json.loads(
    Path(__file__).with_name("cookiecutter.json").read_text(encoding="utf-8")
)
CHOICES: dict[str, list[str]] = QUESTIONS["_choices"]
YES_AND_NO = ["yes", "no"]
# The same spellings as cookiecutter's booleans. Cookiecutter's own boolean and list questions end
# in a traceback after a wrong answer on the command line: see docs/adr/0008.
YES = ("1", "true", "t", "yes", "y", "on")
NO = ("0", "false", "f", "no", "n", "off")
YES_OR_NO = dict.fromkeys(YES, True) | dict.fromkeys(NO, False)
OLDEST_COOKIECUTTER = (2, 7)
SLUG_LIMIT = 40  # queue, container and host names contain the slug; a host name has 63 at most
SLUG = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
EMAIL = re.compile(r"""[^\s@<>()\[\],;:"\\]+@[^\s@<>()\[\],;:"\\.]+(\.[^\s@<>()\[\],;:"\\.]+)+""")
# Invisible characters that are allowed: Persian text, emoji families and flags need them.
JOINERS = {"\N{ZERO WIDTH NON-JOINER}", "\N{ZERO WIDTH JOINER}", *map(chr, range(0xE0020, 0xE0080))}

DEVICES = {"con", "prn", "aux", "nul", *(f"{d}{n}" for d in ("com", "lpt") for n in range(1, 10))}
SERVER_NAMES = {"amq", "guest", "postgres", "template0", "template1"}
FOLDERS = {"build", "dist", "docs", "env", "migrations", "scripts", "src", "test", "tests", "venv"}
# All packages that the service and its tools install, directly or indirectly. If the project has
# the name of one of them, uv takes the project for that package and cannot resolve the
# dependencies.
PACKAGES = set(
    """
    aio-pika aiormq alembic annotated-doc annotated-types anyio argon2-cffi argon2-cffi-bindings
    ast-serialize async-timeout asyncpg asyncpg-stubs attrs bcrypt boolean-py cachecontrol certifi
    cffi cfgv charset-normalizer click colorama coverage cryptography cyclonedx-python-lib
    defusedxml deprecated deptry distlib dnspython docker email-validator exceptiongroup execnet
    fastapi fastapi-standalone-docs filelock greenlet grimp h11 hiredis httpcore httpcore2 httptools
    httpx httpx2 httpx2-jsfetch hypothesis identify idna import-linter iniconfig librt
    license-expression limits mako markdown-it-py markupsafe mdurl msgpack multidict mypy
    mypy-extensions nodeenv opentelemetry-api orjson packageurl-python packaging pamqp pathspec pip
    pip-api pip-audit pip-requirements-parser platformdirs pluggy pre-commit propcache punq
    py-serializable pycparser pydantic pydantic-core pydantic-settings pygments pyjwt pyparsing
    pytest pytest-asyncio pytest-cov pytest-randomly pytest-timeout pytest-xdist python-discovery
    python-dotenv pywin32 pyyaml redis requests requirements-parser rich ruff setuptools sniffio
    sortedcontainers sqlalchemy starlette structlog testcontainers tomli tomli-w trustme truststore
    types-pyyaml types-zxcvbn typing-extensions typing-inspection urllib3 uv uvicorn uvloop
    virtualenv vulture watchfiles websockets wheel wrapt yarl zxcvbn
    """.split()  # noqa: SIM905 -- ruff would format a list as one name a line
)
RESERVED = {
    "a device name on Windows": DEVICES,
    "a name that PostgreSQL or RabbitMQ reserves": SERVER_NAMES,
    "the name of a common project folder": FOLDERS,
    "a package that the service installs": PACKAGES,
}


def reserved_as(slug: str) -> str | None:
    """Return the reason why a slug is reserved, or None if it is free."""
    return next((reason for reason, names in RESERVED.items() if slug in names), None)


def default_slug(name: object) -> str:
    """Derive a valid slug from a name in any script."""
    cut = partial(slugify, max_length=SLUG_LIMIT, word_boundary=True, save_order=True)
    slug = cut(name if isinstance(name, str) else "") or "my-service"
    if not slug[0].isalpha():
        slug = cut(f"service-{slug}")
    return f"{slug}-service" if reserved_as(slug) else slug


def slug_problem(value: object) -> str | None:
    """Check the short name, which is part of the names of folders, queues and containers."""
    if not isinstance(value, str) or not SLUG.fullmatch(value) or len(value) > SLUG_LIMIT:
        return (
            f"must be at most {SLUG_LIMIT} lower-case letters, digits and single hyphens, "
            f"with a letter first: try '{default_slug(value)}'."
        )
    reason = reserved_as(value)
    return reason and f"must not be '{value}', {reason}: try '{value}-service'."


def is_unprintable(character: str) -> bool:
    """Return True for a character that breaks lines, is invisible or reorders its neighbours."""
    if character in JOINERS:
        return False
    # U+FFFE and U+FFFF are not characters, and YAML rejects them.
    return (
        unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"}
        or character in "\ufffe\uffff"
    )


def text_problem(value: object, *, limit: int, required: bool = True) -> str | None:
    """Check free text: one line of visible characters in any script."""
    if not isinstance(value, str):
        return "must be text: put it in quotes."
    if required and not value.strip():
        return "must not be empty: enter some text."
    if value != value.strip():
        return "must not start or end with a space: remove it."
    if len(value) > limit:
        return f"has {len(value)} characters: shorten it to {limit} at most."
    hidden = next(filter(is_unprintable, value), None)
    return hidden and f"contains the invisible character U+{ord(hidden):04X}: remove it."


def email_problem(value: object) -> str | None:
    """Check the form of an e-mail address; only a sent mail could prove that the address exists."""
    if isinstance(value, str) and not EMAIL.fullmatch(value):
        return "is not an e-mail address: enter one like name@example.com."
    return text_problem(value, limit=254)


def choice_problem(value: object, *, choices: list[str]) -> str | None:
    """Check an answer to a question with choices; `convert_choices` has already converted it."""
    if choices == YES_AND_NO:
        return None if isinstance(value, bool) else "must be yes or no."
    return None if value in choices else f"must be one of: {', '.join(choices)}."


def convert_choices(answers: MutableMapping[str, object]) -> None:
    """Convert yes and no to booleans, and the number of a choice to the choice."""
    for key, choices in CHOICES.items():
        answer = answers.get(key)
        if not isinstance(answer, str):
            continue
        word = answer.strip().lower()
        if choices == YES_AND_NO:
            answers[key] = YES_OR_NO.get(word, answer)
        elif word in map(str, range(1, len(choices) + 1)):
            answers[key] = choices[int(word) - 1]


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


def old_cookiecutter(version: str) -> str | None:
    """Return a message if this version of cookiecutter is too old, or None."""
    if tuple(map(int, re.findall(r"\d+", version)[:2])) >= OLDEST_COOKIECUTTER:
        return None
    needed = ".".join(map(str, OLDEST_COOKIECUTTER))
    return f"Cookiecutter {version} is too old for this template: install {needed} or later."


def command_line() -> Mapping[str, Any]:
    """Return the options of the running cookiecutter command; empty for a call from Python."""
    command = click.get_current_context(silent=True)
    return command.params if command else {}


def unknown_problem() -> str | None:
    """Return a message if an answer has no question, or None: cookiecutter would ignore it."""
    answers = command_line().get("extra_context")
    unknown = [key for key in answers if key not in QUESTIONS] if isinstance(answers, dict) else []
    return f"{unknown[0]} is not a question: use one of {', '.join(RULES)}." if unknown else None


def folder_problem(slug: str = "") -> str | None:
    """Return a message if the service cannot be written to the output folder, or None."""
    options = command_line()
    if not options.get("output_dir"):
        return None
    folder = Path(options["output_dir"], slug).absolute()
    is_overwritten = options.get("overwrite_if_exists") and folder.is_dir()
    if slug and os.path.lexists(folder) and not is_overwritten:
        return f"{folder} already exists: choose another project_slug or add --overwrite-if-exists."
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    try:
        # A trial write finds missing permissions, read-only disks and a file in the folder's place.
        with tempfile.TemporaryDirectory(dir=existing):
            return None
    except OSError as error:
        return f"Cannot write to {existing} ({error.strerror}): choose another --output-dir."


def check(answers: MutableMapping[str, object]) -> str:
    """Stop the rendering with one line at the first problem, before any file is written.

    The first call comes before the first question. It reports problems that no answer can solve.
    """
    convert_choices(answers)
    problem = (
        old_cookiecutter(cookiecutter.__version__)
        or unknown_problem()
        or first_problem(answers)
        or folder_problem(str(answers.get("project_slug", "")))
    )
    if problem:
        raise FailedHookException(problem)
    return ""


def escaped(value: str) -> str:
    """Escape text for a double-quoted string in TOML, YAML, JSON or Python."""
    return json.dumps(value, ensure_ascii=False)[1:-1]


def servers(answers: Mapping[str, object]) -> str:
    """List the servers that the service needs, as part of a sentence."""
    names = ["PostgreSQL"]
    names += ["Redis"] if answers["use_redis"] else []
    names += ["RabbitMQ"] if answers["use_rabbitmq"] else []
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


class Answers(Extension):
    """Makes these functions available in cookiecutter.json, the hooks and the template's files."""

    def __init__(self, environment: Environment) -> None:
        """Add the filters and functions to the Jinja environment of cookiecutter."""
        super().__init__(environment)
        # `cruft update` renders two versions of this template in one process, one after the
        # other in the same folder. Without this line the second render would get this module.
        sys.modules.pop(__name__, None)
        self._answers_are_text = False
        environment.filters.update(escaped=escaped, default_slug=default_slug, servers=servers)
        environment.globals.update(
            check=check,
            first_problem=first_problem,
            take_answers_as_text=self.take_answers_as_text,
            year=time.strftime("%Y"),
        )

    def take_answers_as_text(self) -> str:
        """From now on, render only the defaults of cookiecutter.json, and keep answers as text.

        Cookiecutter renders answers from the command line, a config file or .cruft.json as Jinja
        templates: `{{ 7*7 }}` would become 49, and an answer could run commands.
        """
        self._answers_are_text = True
        return ""

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        """Replace an answer by a template that renders to the same text."""
        if self._answers_are_text and source not in QUESTIONS.values():
            return f"{{{{ {source!r} }}}}"
        return super().preprocess(source, name, filename)
