"""The services that options make of one template, and what must hold for each of them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tools.errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

ROOT = Path(__file__).parent.parent
# What describes this run must not reach the service's own.
OURS = (
    "MAKEFLAGS",
    "MAKELEVEL",
    "MAKEOVERRIDES",
    "MFLAGS",
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONPATH",
    "VIRTUAL_ENV",
)
SERVERS = ("POSTGRES_", "REDIS_", "RABBITMQ_")
# What must be found nowhere in a service without them, neither in a name nor in a text. (HAProxy's
# word for trying another server is no trace.)
TRACES = {"use_redis": r"redis(?!patch)", "use_rabbitmq": r"rabbit|amqp|aio.?pika|broker|topolog"}
PREFIXES = {"use_redis": "REDIS_", "use_rabbitmq": "RABBITMQ_"}
# Made on this machine, not rendered.
MADE = {".venv", "uv.lock", "__pycache__", ".env"}
# Called by FastAPI, read by libraries or by clients, and the names that the brief fixes.
USED = (
    "environment,expires_in,get_user_by_email,get_user_by_id,handlers,incr,last_error,metadata,"
    "REFUSED,token_type,type_annotation_map"
)


@dataclass
class Variant:
    """A combination of the options that change code, and where it was rendered."""

    use_redis: bool
    use_rabbitmq: bool
    folder: Path = field(default_factory=Path)

    def __str__(self) -> str:
        """Name the servers beside PostgreSQL."""
        names = [
            name
            for name, used in zip(("redis", "rabbitmq"), self.options.values(), strict=True)
            if used
        ]
        return "+".join(names) or "postgres alone"

    @property
    def options(self) -> dict[str, bool]:
        """The answers that make it."""
        return {"use_redis": self.use_redis, "use_rabbitmq": self.use_rabbitmq}

    def servers(self, settings: Mapping[str, str]) -> dict[str, str]:
        """Leave out the settings of servers that it does not know."""
        unknown = tuple(PREFIXES[name] for name, used in self.options.items() if not used)
        return {
            name: value
            for name, value in settings.items()
            if not (unknown and name.startswith(unknown))
        }


def variants() -> list[Variant]:
    """Return every combination, the default first."""
    return [Variant(redis, rabbitmq) for redis in (True, False) for rabbitmq in (True, False)]


def run(folder: Path, *command: str, **settings: str) -> None:
    """Run a command as the service's owner would; fail with what it printed."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in OURS and not name.startswith(SERVERS)
    }
    done = subprocess.run(
        command,
        cwd=folder,
        env={**environment, **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        text = f"{' '.join(command)} failed in {folder}:\n{done.stdout}"
        raise ToolError(text)


def rendered(folder: Path) -> Iterator[Path]:
    """Find what was rendered there, relative to the folder."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not MADE & {*path.relative_to(folder).parts}:
            yield path.relative_to(folder)


def look_for_traces(variant: Variant) -> None:
    """Fail if a name or a text of the service speaks of what was not chosen."""
    unchosen = [TRACES[name] for name, used in variant.options.items() if not used]
    if not unchosen:
        return
    trace, found = re.compile("|".join(unchosen), re.IGNORECASE), []
    for path in rendered(variant.folder):
        if ".pytest_cache" in str(path) or "_cache" in path.parts[0]:
            continue
        text = (variant.folder / path).read_text(encoding="utf-8")
        lines = [str(path), *text.splitlines()]
        found += [f"{path}:{n}: {line}" for n, line in enumerate(lines) if trace.search(line)]
    if found:
        raise ToolError("\n".join(["Traces of what was not chosen:", *found]))


def look_for_dead_code(variant: Variant) -> None:
    """Fail if nothing uses a function, a class, an import or a name."""
    options = ("--ignore-decorators", "@router.*,@*_validator", "--ignore-names", USED)
    run(variant.folder, sys.executable, "-m", "vulture", "src", *options)


def checks(settings: Mapping[str, str]) -> dict[str, Callable[[Variant], None]]:
    """Return what must hold, by name. `settings` are those of real servers."""

    def tool(*words: str) -> Callable[[Variant], None]:
        return lambda v: run(v.folder, str(v.folder / ".venv/bin" / words[0]), *words[1:])

    def suite(variant: Variant) -> None:
        run(variant.folder, "make", "test", **variant.servers(settings))

    return {
        "setup": lambda variant: run(variant.folder, "make", "setup"),
        "format": tool("ruff", "format", "--check", "."),
        "style": tool("ruff", "check", "."),
        "types": tool("mypy"),
        "imports": tool("lint-imports"),
        "dependencies": tool("deptry", "src"),
        "dead code": look_for_dead_code,
        "traces": look_for_traces,
        "suite": suite,
    }


@dataclass
class Outcome:
    """How long a check took, and why it failed, if it did."""

    seconds: float = 0.0
    problem: str = ""


def examine(variant: Variant, settings: Mapping[str, str]) -> dict[str, Outcome]:
    """Make every check of one variant. Without an environment of its own the others would fail."""
    outcomes: dict[str, Outcome] = {}
    for name, check in checks(settings).items():
        outcome, begun = Outcome(), time.monotonic()
        try:
            check(variant)
        except ToolError as error:
            outcome.problem = str(error)
        outcome.seconds = time.monotonic() - begun
        outcomes[name] = outcome
    return outcomes
