"""What was measured against what must hold, as a table."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median

Result = dict[str, float]


@dataclass
class Measure:
    """One line of the table: a value from each round, judged by the median."""

    title: str
    must: float | None = None
    goal: float | None = None
    at_most: bool = False
    """Whether less is better, as with times."""
    values: list[float] = field(default_factory=list)

    def holds(self, limit: float | None) -> bool:
        """Tell whether the median keeps to a limit; there may be none."""
        if limit is None:
            return True
        value = median(self.values)
        return value <= limit if self.at_most else value >= limit

    @property
    def verdict(self) -> str:
        """Say how it went."""
        if not self.holds(self.must):
            return "FAILED"
        return "ok" if self.holds(self.goal) else "ok, short of the goal"

    def line(self) -> str:
        """Give the line."""
        sign = "≤" if self.at_most else "≥"
        limits = [f"{sign} {limit:g}" if limit else "" for limit in (self.must, self.goal)]
        found = "".join(f"{v:9.2f}" for v in (median(self.values), *bounds(self.values)))
        return f"{self.title:32}{found}{limits[0]:>9}{limits[1]:>9}  {self.verdict}"


@dataclass
class Ratio(Measure):
    """How fast ours is, divided by how fast the other is in the same round."""

    ours: list[Result] = field(default_factory=list)
    others: list[Result] = field(default_factory=list)

    def add(self, ours: Result, other: Result) -> None:
        """Take in a round."""
        self.ours.append(ours)
        self.others.append(other)
        self.values.append(ours["per_second"] / other["per_second"])

    def rates(self) -> str:
        """Give what the ratios come from, and the ratio of the CPU times, which is less noisy."""
        (our_rate, our_cpu), (rate, cpu) = middle(self.ours), middle(self.others)
        sides = f"{our_rate:,.0f}/s, {our_cpu:.3f} ms CPU ÷ {rate:,.0f}/s, {cpu:.3f} ms CPU"
        return f"{self.title:32}{sides:>50}  by CPU {cpu / our_cpu:.2f}"


def middle(results: Sequence[Result]) -> tuple[float, float]:
    """Give the medians of the rates and of the CPU times."""
    rates, cpus = ([result[key] for result in results] for key in ("per_second", "cpu_ms"))
    return median(rates), median(cpus)


def bounds(values: Sequence[float]) -> tuple[float, float]:
    """Give the least and the greatest."""
    return min(values), max(values)


def percentile(values: Sequence[float], share: float) -> float:
    """Give the value that this share of all values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def area_under_curve(some: Sequence[float], others: Sequence[float]) -> float:
    """Give how often one is greater than another, whichever way round it is the more often."""
    share = sum(one > other for one in some for other in others) / (len(some) * len(others))
    return max(share, 1 - share)


def table(measures: Sequence[Measure]) -> Iterator[str]:
    """Give the table's lines, then the rates behind the ratios."""
    heads = "".join(f"{head:>9}" for head in ("median", "min", "max", "must", "goal"))
    yield f"{'':32}{heads}"
    yield from (measure.line() for measure in measures)
    yield ""
    yield from (measure.rates() for measure in measures if isinstance(measure, Ratio))


def load() -> str:
    """Say how busy the machine is with everything that runs on it."""
    loads = " ".join(f"{number:.1f}" for number in os.getloadavg())
    return f"load average {loads} on {os.cpu_count()} CPUs"
