"""The checks that every variant of the service must pass."""

from __future__ import annotations

import re
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tools.common.errors import ToolError
from tools.common.processes import run_in_service

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from tools.variants.variant import Variant

# A service without these servers must not contain these words, in a file's name or text. (HAProxy's
# word for trying another server is no trace.)
TRACES = {"use_redis": r"redis(?!patch)", "use_rabbitmq": r"rabbit|amqp|aio.?pika|broker|topolog"}
# Written on this machine, or the record of the answers.
NOT_SOURCE = {".venv", "uv.lock", "__pycache__", ".env", ".template.json"}
# Called by FastAPI, by libraries or by a type's syntax, or read by libraries, by clients or in
# another variant.
USED = (
    "__class_getitem__,base_exceptions,environment,exchange,expires_in,get_expiry,handlers,incr,"
    "invalidate_pool_on_disconnect,is_disconnect,last_error,metadata,reset,run_args,token_type,"
    "type_annotation_map,updated_at"
)

VULTURE = ("src", "migrations/env.py")


def sources(folder: Path) -> Iterator[Path]:
    """Return the files that an owner reads and edits, relative to the folder."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not NOT_SOURCE & {*path.relative_to(folder).parts}:
            yield path.relative_to(folder)


def look_for_traces(variant: Variant) -> None:
    """Fail if a file's name or text mentions a server that was not chosen."""
    unchosen = [TRACES[name] for name, used in variant.options.items() if not used]
    if not unchosen:
        return
    trace = re.compile("|".join(unchosen), re.IGNORECASE)
    found: list[str] = []
    for path in sources(variant.folder):
        if ".pytest_cache" in str(path) or "_cache" in path.parts[0]:
            continue
        text = (variant.folder / path).read_text(encoding="utf-8")
        lines = [str(path), *text.splitlines()]
        found += [f"{path}:{n}: {line}" for n, line in enumerate(lines) if trace.search(line)]
    if found:
        raise ToolError("\n".join(["Traces of servers that were not chosen:", *found]))


def look_for_dead_code(variant: Variant) -> None:
    """Fail if a function, a class, an import or a name is unused."""
    options = ("--ignore-decorators", "@router.*,@*_validator", "--ignore-names", USED)
    run_in_service(variant.folder, sys.executable, "-m", "vulture", *VULTURE, *options)


def checks(
    settings: Mapping[str, str], *, with_coverage: bool = True
) -> dict[str, Callable[[Variant], object]]:
    """Return all checks by name. `settings` are those of real servers.

    A suite that measures its coverage takes twice the time.
    """
    arguments = () if with_coverage else ("args=--no-cov",)

    def tool(*words: str) -> Callable[[Variant], object]:
        return lambda v: run_in_service(v.folder, v.folder / ".venv/bin" / words[0], *words[1:])

    def suite(variant: Variant) -> None:
        run_in_service(variant.folder, "make", "test", *arguments, **variant.servers(settings))

    return {
        "setup": lambda variant: run_in_service(variant.folder, "make", "setup"),
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


def examine(
    variant: Variant, settings: Mapping[str, str], *, with_coverage: bool = True
) -> dict[str, Outcome]:
    """Run all checks of one variant. The first one sets up what the others need."""
    outcomes: dict[str, Outcome] = {}
    for name, check in checks(settings, with_coverage=with_coverage).items():
        outcome = Outcome()
        begun = time.monotonic()
        try:
            check(variant)
        except ToolError as error:
            outcome.problem = str(error)
        outcome.seconds = time.monotonic() - begun
        outcomes[name] = outcome
    return outcomes


def table(outcomes: Mapping[str, Mapping[str, Outcome]]) -> str:
    """Return a Markdown table of variants, checks and seconds."""
    names = list(next(iter(outcomes.values())))
    rows = [["", *names], ["---", *["---:"] * len(names)]]
    for variant, row in outcomes.items():
        cells = [f"{o.seconds:.1f} s" if not o.problem else "FAILED" for o in row.values()]
        rows.append([variant, *cells])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
