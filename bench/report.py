"""Figures, the limits for them, and the table that the benchmarks print."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Literal


@dataclass(frozen=True)
class Figures:
    """What a process needed for a request or a message. Times are in milliseconds."""

    cpu_ms: float
    per_second: float
    p50: float = 0.0
    p99: float = 0.0


@dataclass
class Measure:
    """A line of the table: a value from each round, judged by the median."""

    title: str
    must: float | None = None
    goal: float | None = None
    better: Literal["less", "more", "one"] = "less"
    """Which values are good. "one": a ratio near 1, of two equal copies."""
    values: list[float] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        """Return whether the median keeps to the limits."""
        if not self.holds(self.must):
            return "FAILED"
        return "ok" if self.holds(self.goal) else "ok, short of the goal"

    def holds(self, limit: float | None) -> bool:
        """Return whether the median keeps to a limit. None is no limit."""
        if limit is None:
            return True
        value = median(self.values)
        match self.better:
            case "less":
                return value <= limit
            case "more":
                return value >= limit
            case "one":
                return max(value, 1 / value) <= limit

    def line(self) -> str:
        """Return the line."""
        limits = (self._limit(self.must), self._limit(self.goal))
        values = (median(self.values), min(self.values), max(self.values))
        shown = "".join(f"{value:9.2f}" for value in values)
        return f"{self.title:40}{shown}{limits[0]:>9}{limits[1]:>9}  {self.verdict}"

    def _limit(self, limit: float | None) -> str:
        if limit is None:
            return ""
        return {"less": f"≤ {limit:g}", "more": f"≥ {limit:g}", "one": f"±{limit - 1:.0%}"}[
            self.better
        ]


@dataclass
class Ratio(Measure):
    """The CPU time of one side divided by the other's; its inverse where more is better."""

    pairs: list[tuple[Figures, Figures]] = field(default_factory=list)

    def add(self, ours: Figures, other: Figures) -> None:
        """Add a round's figures, both from the same interval."""
        self.pairs.append((ours, other))
        ratio = ours.cpu_ms / other.cpu_ms
        self.values.append(1 / ratio if self.better == "more" else ratio)

    def sides(self) -> str:
        """Return the medians of both sides: CPU time, rate and latency."""
        ours, others = zip(*self.pairs, strict=True)
        return f"{self.title:40}{_shown(ours)}  |  {_shown(others)}"


def _shown(figures: Sequence[Figures]) -> str:
    cpu = median(f.cpu_ms for f in figures)
    rate = median(f.per_second for f in figures)
    text = f"{cpu:7.3f} ms CPU, {rate:7,.0f}/s"
    if any(f.p50 for f in figures):
        p50 = median(f.p50 for f in figures)
        p99 = median(f.p99 for f in figures)
        text += f", p50 {p50:.1f}, p99 {p99:.1f} ms"
    return f"{text:48}"


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that this share of all values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def area_under_curve(some: Sequence[float], others: Sequence[float]) -> float:
    """Return the AUC of telling the two apart by one value: 0.5 is chance, 1 is certainty."""
    share = sum(one > other for one in some for other in others) / (len(some) * len(others))
    return max(share, 1 - share)


def latest(measures: Sequence[Measure]) -> str:
    """Return the latest value of each measure that has one."""
    return ", ".join(f"{m.values[-1]:.2f}" for m in measures if m.values)


def table(measures: Sequence[Measure]) -> Iterator[str]:
    """Yield the lines of the table, then both sides of each ratio."""
    measures = [measure for measure in measures if measure.values]
    heads = "".join(f"{head:>9}" for head in ("median", "min", "max", "must", "goal"))
    yield f"{'':40}{heads}"
    yield from (measure.line() for measure in measures)
    yield ""
    yield "Both sides of each ratio, medians:"
    yield from (measure.sides() for measure in measures if isinstance(measure, Ratio))


def load_average() -> str:
    """Return how busy the machine is with everything that runs on it."""
    loads = " ".join(f"{number:.1f}" for number in os.getloadavg())
    return f"load average {loads} on {os.cpu_count()} CPUs"
