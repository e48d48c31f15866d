"""Latency against load, as an SVG without any library."""

from collections.abc import Iterator, Mapping, Sequence
from math import log10
from pathlib import Path

from bench.report import Figures

_WIDTH = 720
_HEIGHT = 420
_LEFT = 70
_TOP = 40
_BOTTOM = 60
_COLOURS = ("#0b6e99", "#d9730d")
_STYLE = "font: 13px sans-serif; background: white"
_GRID = 4


class _Axes:
    """Where a rate and a time are in the picture. Times are on a logarithmic scale."""

    def __init__(self, figures: Sequence[Figures]) -> None:
        times = [time for each in figures for time in (each.p50, each.p99)]
        self.rate = max(each.per_second for each in figures) * 1.05
        self.low = log10(min(times))
        self.high = max(log10(max(times)), self.low + 0.1)

    def x(self, rate: float) -> float:
        return _LEFT + rate / self.rate * (_WIDTH - _LEFT - 20)

    def y(self, time: float) -> float:
        share = (log10(time) - self.low) / (self.high - self.low)
        return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)


def draw(path: Path, lines: Mapping[str, Sequence[Figures]]) -> None:
    """Draw p50 (solid) and p99 (dashed), in milliseconds, against requests a second."""
    axes = _Axes([figures for line in lines.values() for figures in line])
    middle = f'x="{_WIDTH / 2}" y="{_HEIGHT - 14}" text-anchor="middle"'
    caption = f"<text {middle}>requests a second; the other axis: milliseconds</text>"
    box = f'viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {box} style="{_STYLE}">'
    shapes = [*_grid(axes), *_lines(axes, lines), caption]
    path.write_text("\n".join([head, *shapes, "</svg>", ""]), encoding="utf-8")


def _grid(axes: _Axes) -> Iterator[str]:
    for step in range(_GRID + 1):
        rate = axes.rate * step / _GRID
        time = 10 ** (axes.low + (axes.high - axes.low) * step / _GRID)
        x = f"{axes.x(rate):.1f}"
        y = f"{axes.y(time):.1f}"
        yield f'<path d="M{_LEFT} {y}H{_WIDTH - 20}" stroke="#ddd"/>'
        yield f'<text x="{_LEFT - 8}" y="{y}" text-anchor="end">{time:.3g}</text>'
        yield f'<text x="{x}" y="{_HEIGHT - 40}" text-anchor="middle">{rate:,.0f}</text>'


def _lines(axes: _Axes, lines: Mapping[str, Sequence[Figures]]) -> Iterator[str]:
    for number, (name, line) in enumerate(lines.items()):
        colour = _COLOURS[number]
        for kind, dash in (("p50", ""), ("p99", ' stroke-dasharray="6 4"')):
            points = " ".join(
                f"{axes.x(figures.per_second):.1f},{axes.y(getattr(figures, kind)):.1f}"
                for figures in line
            )
            style = f'fill="none" stroke="{colour}" stroke-width="2"{dash}'
            yield f'<polyline points="{points}" {style}/>'
        text = f"{name}: p50 solid, p99 dashed"
        yield f'<text x="{_LEFT}" y="{16 + 18 * number}" fill="{colour}">{text}</text>'
