"""What this template adds to cookiecutter: the rules for answers, and helpers for its files.

Cookiecutter loads the class `Answers` because `_extensions` in cookiecutter.json names it. The
rules run twice: after each answer, through the `__check_...` keys, and again when
`hooks/pre_gen_project.py` is rendered, because `--replay` skips those keys.
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
# As cookiecutter reads booleans. Its own questions for them end in a traceback when they are
# answered wrongly on the command line, and so do its lists: see docs/adr/0008.
YES, NO = ("1", "true", "t", "yes", "y", "on"), ("0", "false", "f", "no", "n", "off")
YES_OR_NO = dict.fromkeys(YES, True) | dict.fromkeys(NO, False)
OLDEST_COOKIECUTTER = (2, 7)
SLUG_LIMIT = 40  # queue, container and host names are built on it, and hosts stop at 63
SLUG = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
EMAIL = re.compile(r"""[^\s@<>()\[\],;:"\\]+@[^\s@<>()\[\],;:"\\.]+(\.[^\s@<>()\[\],;:"\\.]+)+""")
# Invisible like the characters refused below, but Persian, emoji families and flags need them.
JOINERS = {"\N{ZERO WIDTH NON-JOINER}", "\N{ZERO WIDTH JOINER}", *map(chr, range(0xE0020, 0xE0080))}

DEVICES = {"con", "prn", "aux", "nul", *(f"{d}{n}" for d in ("com", "lpt") for n in range(1, 10))}
SERVERS_OWN = {"amq", "guest", "postgres", "template0", "template1"}
FOLDERS = {"build", "dist", "docs", "env", "migrations", "scripts", "src", "test", "tests", "venv"}
# Everything the service and its tools install, directly or not: uv takes a project that bears
# the name of a package for that package, and finds no solution.
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
    """.split()  # noqa: SIM905 -- as a list it would be one name a line
)
RESERVED = {
    "a device name on Windows": DEVICES,
    "a name that PostgreSQL or RabbitMQ keeps for itself": SERVERS_OWN,
    "a folder name that projects use": FOLDERS,
    "a package the service installs": PACKAGES,
}


def reserved_as(slug: str) -> str | None:
    """Say what a slug is already the name of, or None when it is free."""
    return next((reason for reason, names in RESERVED.items() if slug in names), None)


def default_slug(name: object) -> str:
    """Derive a slug that the rules accept from a name in any script."""
    cut = partial(slugify, max_length=SLUG_LIMIT, word_boundary=True, save_order=True)
    slug = cut(name if isinstance(name, str) else "") or "my-service"
    if not slug[0].isalpha():
        slug = cut(f"service-{slug}")
    return f"{slug}-service" if reserved_as(slug) else slug


def slug_problem(value: object) -> str | None:
    """Check the short name that folders, queues and containers are called by."""
    if not isinstance(value, str) or not SLUG.fullmatch(value) or len(value) > SLUG_LIMIT:
        return (
            "needs lower-case letters, digits and single hyphens, a letter first, "
            f"{SLUG_LIMIT} characters at most: try '{default_slug(value)}'."
        )
    reason = reserved_as(value)
    return reason and f"'{value}' is {reason}: try '{value}-service'."


def is_unprintable(character: str) -> bool:
    """Tell whether a character breaks lines, hides, or reorders the text around it."""
    if character in JOINERS:
        return False
    # U+FFFE and U+FFFF are no characters at all, and YAML refuses them.
    return (
        unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"}
        or character in "\ufffe\uffff"
    )


def text_problem(value: object, *, limit: int, required: bool = True) -> str | None:
    """Check free text: any script and any sign, on one line."""
    if not isinstance(value, str):
        return "is not text: please put it in quotes."
    if required and not value.strip():
        return "is empty: please fill it in."
    if value != value.strip():
        return "starts or ends with a blank: please leave that out."
    if len(value) > limit:
        return f"has {len(value)} characters: please use {limit} at most."
    hidden = next(filter(is_unprintable, value), None)
    return hidden and f"holds the invisible character U+{ord(hidden):04X}: please leave it out."


def email_problem(value: object) -> str | None:
    """Check that mail could be sent there; only sending some could prove it."""
    if isinstance(value, str) and not EMAIL.fullmatch(value):
        return "does not look like an address: please write it like name@example.com."
    return text_problem(value, limit=254)


def choice_problem(value: object, *, choices: list[str]) -> str | None:
    """Check an answer that is one of a list; `settle` has made booleans of yes and no."""
    if choices == YES_AND_NO:
        return None if isinstance(value, bool) else "must be yes or no."
    return None if value in choices else f"must be one of: {', '.join(choices)}."


def settle(answers: MutableMapping[str, object]) -> None:
    """Make a boolean of yes and no, and a choice of its number, where an answer is one."""
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
    "project_name": partial(text_problem, limit=60),  # a heading, a browser tab, a line of `ps`
    "project_slug": slug_problem,
    "project_description": partial(text_problem, limit=200, required=False),
    "author_name": partial(text_problem, limit=100),
    "author_email": email_problem,
    **{name: partial(choice_problem, choices=choices) for name, choices in CHOICES.items()},
}


def first_problem(answers: Mapping[str, object]) -> str | None:
    """Say in one line what is wrong with the answers given so far, or None."""
    given = ((key, rule(answers[key])) for key, rule in RULES.items() if key in answers)
    return next((f"{key} {problem}" for key, problem in given if problem), None)


def old_cookiecutter(version: str) -> str | None:
    """Say which cookiecutter is needed, if this one is too old, or None."""
    if tuple(map(int, re.findall(r"\d+", version)[:2])) >= OLDEST_COOKIECUTTER:
        return None
    needed = ".".join(map(str, OLDEST_COOKIECUTTER))
    return f"This template needs cookiecutter {needed} or later, and this is {version}."


def command_line() -> Mapping[str, Any]:
    """Return the options of the command that renders; a Python caller has none."""
    command = click.get_current_context(silent=True)
    return command.params if command else {}


def unknown_problem() -> str | None:
    """Say that an answer belongs to no question, which cookiecutter would pass over, or None."""
    answers = command_line().get("extra_context")
    unknown = [key for key in answers if key not in QUESTIONS] if isinstance(answers, dict) else []
    return f"{unknown[0]} is no question: there are {', '.join(RULES)}." if unknown else None


def folder_problem(slug: str = "") -> str | None:
    """Say that no service can be written where the command line says, or None."""
    options = command_line()
    if not options.get("output_dir"):
        return None
    folder = Path(options["output_dir"], slug).absolute()
    is_renewed = options.get("overwrite_if_exists") and folder.is_dir()
    if slug and os.path.lexists(folder) and not is_renewed:
        return f"{folder} already exists: choose another project_slug, or --overwrite-if-exists."
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    try:
        # By trying: permissions, read-only disks and files in a folder's place look different.
        with tempfile.TemporaryDirectory(dir=existing):
            return None
    except OSError as error:
        return f"Nothing can be written to {existing}: {error.strerror}."


def check(answers: MutableMapping[str, object]) -> str:
    """Stop as soon as no service can come of it, with one line and nothing written.

    The first check comes before the first question, and tells what no answer would help.
    """
    settle(answers)
    problem = old_cookiecutter(cookiecutter.__version__) or unknown_problem()
    problem = problem or first_problem(answers)
    problem = problem or folder_problem(str(answers.get("project_slug", "")))
    if problem:
        raise FailedHookException(problem)
    return ""


def escaped(value: str) -> str:
    """Escape text for double quotes, in TOML, YAML, JSON and Python alike."""
    return json.dumps(value, ensure_ascii=False)[1:-1]


def servers(answers: Mapping[str, object]) -> str:
    """Name the servers that a service needs, for a sentence."""
    names = ["PostgreSQL"]
    names += ["Redis"] if answers["use_redis"] else []
    names += ["RabbitMQ"] if answers["use_rabbitmq"] else []
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


class Answers(Extension):
    """The helpers above, for cookiecutter.json, the hooks and the files of the template."""

    def __init__(self, environment: Environment) -> None:
        """Make the helpers known to the Jinja environment that cookiecutter builds."""
        super().__init__(environment)
        # `cruft update` renders two versions of this template in one process, one after the
        # other in the same folder. Forget this module, so that the second imports its own.
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
        """Render nothing but cookiecutter.json's own defaults from here on.

        Cookiecutter renders what it gets from the command line, a config file or .cruft.json, so
        `{{ 7*7 }}` would become 49, and worse would run. An answer is text and stays as it is.
        """
        self._answers_are_text = True
        return ""

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        """Turn an answer into a template that renders to that very answer."""
        if self._answers_are_text and source not in QUESTIONS.values():
            return f"{{{{ {source!r} }}}}"
        return super().preprocess(source, name, filename)
