"""Draws orders a second and the wait for the push over the number of buyers, from what `bench orders` has written.

    .venv/bin/python -m benchmarks.plots [--results test-results/bench/orders.json] [--out docs/pictures]

Two files for each, for a light and for a dark page; the standard library writes them. The commit and the day stand below.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from launcher.instance import ROOT

WIDTH, HEIGHT = 560, 300
LEFT, RIGHT, TOP, BOTTOM = 64, 24, 44, 64  # what is around the drawing
LINES = 4  # of the grid
ROUND = (1, 2, 2.5, 5, 10)


@dataclass(frozen=True)
class Colours:
    """Of one kind of page."""

    name: str
    text: str
    grid: str
    curve: str


PAGES = (
    Colours("light", "#1f2328", "#d1d9e0", "#0969da"),
    Colours("dark", "#f0f6fc", "#3d444d", "#4493f8"),
)


@dataclass(frozen=True)
class Plot:
    """What is drawn, and under which name."""

    name: str
    title: str
    column: str


PLOTS = (
    Plot("orders-a-second", "Orders a second", "orders_a_second"),
    Plot("post-to-push", "POST to push, median, milliseconds", "pushed_p50_ms"),
)


def step(largest: float) -> float:
    """A round distance between lines of the grid, so that `LINES` of them reach `largest`."""
    power = 10.0 ** (len(str(int(largest / LINES))) - 1)
    return next(each * power for each in ROUND if each * power * LINES >= largest)


def drawn(plot: Plot, found: dict[str, Any], colours: Colours) -> str:
    """The picture as SVG. Numbers of buyers stand at equal distances: each is a few times the one before."""
    rows = sorted(found["rows"], key=lambda row: int(row["buyers"]))
    values = [float(row[plot.column]) for row in rows]
    distance = step(max(values))
    xs = _places(len(rows))
    ys = [_height(value, distance) for value in values]
    below = f"{found['commit']}, {found['taken_at'].partition(' ')[0]}, {found['cores']} cores"
    parts = [
        _opened(colours, f"{plot.title}: " + ", ".join(_in_words(plot.column, rows))),
        _text(LEFT, 22, plot.title, "start", bold=True),
        *_grid(distance, colours),
        f'<polyline fill="none" stroke="{colours.curve}" stroke-width="2" points="'
        + " ".join(f"{x:.0f},{y:.0f}" for x, y in zip(xs, ys, strict=True))
        + '"/>',
    ]
    for x, y, value, row in zip(xs, ys, values, rows, strict=True):
        parts += [
            f'<circle cx="{x:.0f}" cy="{y:.0f}" r="4" fill="{colours.curve}"/>',
            _text(x, y - 10, f"{value:,.0f}", "middle"),
            _text(x, HEIGHT - BOTTOM + 20, str(row["buyers"]), "middle"),
        ]
    parts += [
        _text(LEFT, HEIGHT - 14, "buyers at once", "start"),
        _text(WIDTH - RIGHT, HEIGHT - 14, below, "end"),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _places(count: int) -> list[float]:
    inside = WIDTH - LEFT - RIGHT
    return [LEFT + inside * (number + 0.5) / count for number in range(count)]


def _height(value: float, distance: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / (distance * LINES)


def _grid(distance: float, colours: Colours) -> list[str]:
    found = []
    for number in range(LINES + 1):
        y = _height(number * distance, distance)
        line = f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.0f}" y2="{y:.0f}" stroke="{colours.grid}"/>'
        found += [line, _text(LEFT - 8, y + 4, f"{number * distance:,g}", "end")]
    return found


def _text(x: float, y: float, said: str, anchor: str, *, bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}"{weight}>{escape(said)}</text>'


def _opened(colours: Colours, in_words: str) -> str:
    shape = f'viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="13" fill="{colours.text}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {shape} role="img" aria-label="{escape(in_words)}">'


def _in_words(column: str, rows: Sequence[dict[str, Any]]) -> list[str]:
    """For those who do not see it."""
    return [f"{row[column]} with {row['buyers']} buyers" for row in rows]


def main() -> None:
    """Draw all of them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--results", type=Path, default=ROOT / "test-results" / "bench" / "orders.json")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "pictures")
    chosen = parser.parse_args()
    found = json.loads(chosen.results.read_text())
    chosen.out.mkdir(parents=True, exist_ok=True)
    for plot in PLOTS:
        for colours in PAGES:
            file = chosen.out / f"{plot.name}-{colours.name}.svg"
            file.write_text(drawn(plot, found, colours))
            print(file)


if __name__ == "__main__":
    main()
