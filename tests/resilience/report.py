"""What each scenario came to, in one table; and how much of everything this run does."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.resilience.checker import Verdict

IS_LONG = os.environ.get("RESILIENCE") == "long"

HEAD = ("scenario", "events", "kills", "lost", "ghosts", "doubled", "recovery s", "note")
_rows: list[tuple[object, ...]] = []
_mutants: list[str] = []
_cache: list[str] = []
servers: list[str] = []


def size(bounded: int, long: int) -> int:
    """Choose how much: as part of `make test`, or at length with RESILIENCE=long."""
    return long if IS_LONG else bounded


def note(
    scenario: str, verdict: Verdict, kills: int = 0, recovery: float | None = None, text: str = ""
) -> None:
    """Add a row for a scenario."""
    counts = (verdict.lost, verdict.ghosts, verdict.doubled)
    seconds = "" if recovery is None else f"{recovery:.1f}"
    _rows.append((scenario, verdict.events, kills, *counts, seconds, text))


def cache(scenario: str, text: str) -> None:
    """Add a line about what readers of the cache saw."""
    _cache.append(f"- {scenario}: {text}")


def mutant(name: str, seen: object) -> None:
    """Add a line about a source that was broken on purpose, and what the checker saw."""
    _mutants.append(f"- {name}: {seen}")


def table() -> str:
    """Give all rows as a Markdown table, or nothing."""
    if not _rows and not _mutants and not _cache:
        return ""
    rabbitmq, postgres, redis = servers
    lines = [HEAD, tuple("---" for _ in HEAD), *_rows]
    rows = ["| " + " | ".join(str(cell) for cell in line) + " |" for line in lines]
    versions = f"RabbitMQ {rabbitmq}, PostgreSQL {postgres}, Redis {redis}"
    length = "long" if IS_LONG else "bounded"
    broken = ["", "Broken on purpose, and noticed:", "", *_mutants] if _mutants else []
    cache = ["", "The cache:", "", *_cache] if _cache else []
    return "\n".join([f"# Resilience ({length}) on {versions}", "", *rows, *cache, *broken, ""])
