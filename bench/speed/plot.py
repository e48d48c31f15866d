"""Latency against load, as an SVG without any library."""

from collections.abc import Iterator, Mapping, Sequence
from math import log10
from pathlib import Path

from bench.speed.target import Load

_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM = 720, 420, 70, 40, 60
_COLOURS = ("#0b6e99", "#d9730d")
_STYLE = "font: 13px sans-serif; background: white"


def draw(path: Path, lines: Mapping[str, Sequence[Load]]) -> None:
    """Draw p50 (solid) and p99 (dashed) of each, in milliseconds, against requests a second."""
    top = max(load.per_second for loads in lines.values() for load in loads) * 1.05
    times = [time for loads in lines.values() for load in loads for time in (load.p50, load.p99)]
    low, high = log10(min(times)), log10(max(times))

    def at(rate: float, time: float) -> str:
        x = _LEFT + rate / top * (_WIDTH - _LEFT - 20)
        share = (log10(time) - low) / (high - low)
        return f"{x:.1f},{_HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM):.1f}"

    def shapes() -> Iterator[str]:
        for step in range(5):
            rate, time = top * step / 4, 10 ** (low + (high - low) * step / 4)
            (x, _), (_, y) = at(rate, min(times)).split(","), at(0, time).split(",")
            yield f'<path d="M{_LEFT} {y}H{_WIDTH - 20}" stroke="#ddd"/>'
            yield f'<text x="{_LEFT - 8}" y="{y}" text-anchor="end">{time:.3g}</text>'
            yield f'<text x="{x}" y="{_HEIGHT - 40}" text-anchor="middle">{rate:,.0f}</text>'
        for number, (name, loads) in enumerate(lines.items()):
            colour = _COLOURS[number]
            for kind, dash in (("p50", ""), ("p99", ' stroke-dasharray="6 4"')):
                points = " ".join(at(load.per_second, getattr(load, kind)) for load in loads)
                style = f'fill="none" stroke="{colour}" stroke-width="2"{dash}'
                yield f'<polyline points="{points}" {style}/>'
            text = f"{name}: p50 solid, p99 dashed"
            yield f'<text x="{_LEFT}" y="{16 + 18 * number}" fill="{colour}">{text}</text>'
        middle = f'x="{_WIDTH / 2}" y="{_HEIGHT - 14}" text-anchor="middle"'
        yield f"<text {middle}>requests a second; the other axis: milliseconds</text>"

    box = f'viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {box} style="{_STYLE}">'
    path.write_text("\n".join([head, *shapes(), "</svg>", ""]), encoding="utf-8")
