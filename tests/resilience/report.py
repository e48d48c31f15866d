"""The report: the result of each scenario in one table; and the size of this run."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.resilience.checker import Verdict

IS_LONG = os.environ.get("RESILIENCE") == "long"

HEAD = ("scenario", "events", "kills", "lost", "uncommitted", "duplicated", "recovery s", "note")
_rows: list[tuple[object, ...]] = []
_mutants: list[str] = []
_cache: list[str] = []
servers: list[str] = []


def size(bounded: int, long: int) -> int:
    """Return the size for `make test`, or for a long run with RESILIENCE=long."""
    return long if IS_LONG else bounded


def note(
    scenario: str, verdict: Verdict, kills: int = 0, recovery: float | None = None, text: str = ""
) -> None:
    """Add a row for a scenario."""
    counts = (verdict.lost, verdict.uncommitted, verdict.duplicated)
    seconds = "" if recovery is None else f"{recovery:.1f}"
    _rows.append((scenario, verdict.events, kills, *counts, seconds, text))


def cache(scenario: str, text: str) -> None:
    """Add a line with the result of a scenario of the cache."""
    _cache.append(f"- {scenario}: {text}")


def mutant(name: str, seen: object) -> None:
    """Add a line about a source with a deliberate fault, and the checker's result."""
    _mutants.append(f"- {name}: {seen}")


def table() -> str:
    """Return all rows as a Markdown table, or an empty text."""
    if not _rows and not _mutants and not _cache:
        return ""
    rabbitmq, postgres, redis = servers
    lines = [HEAD, tuple("---" for _ in HEAD), *_rows]
    rows = ["| " + " | ".join(str(cell) for cell in line) + " |" for line in lines]
    versions = f"RabbitMQ {rabbitmq}, PostgreSQL {postgres}, Redis {redis}"
    length = "long" if IS_LONG else "bounded"
    broken = ["", "Deliberate faults that were detected:", "", *_mutants] if _mutants else []
    cache = ["", "The cache:", "", *_cache] if _cache else []
    return "\n".join([f"# Resilience ({length}) on {versions}", "", *rows, *cache, *broken, ""])
