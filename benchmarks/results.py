"""What a benchmark has found: a row for each measurement, for `--json FILE`, and the options that all of them have."""

import argparse
import json
import os
import statistics
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from launcher.errors import LauncherError
from launcher.instance import ROOT

Row = Mapping[str, str | float]


def options(about: str | None) -> argparse.ArgumentParser:
    """A parser that says what the script's docstring says, with `--port-offset` and `--json`."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port-offset", type=int, default=0, help="the platform that is measured")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was found there, too")
    return parser


def whole_numbers(text: str) -> list[int]:
    """`1,8,32`, as the options have it that say how many do it at once."""
    return [int(each) for each in text.split(",")]


def load() -> float:
    """The machine's load average of the last minute."""
    return round(os.getloadavg()[0], 1)


def cuts(values: Sequence[float]) -> tuple[float, float]:
    """The median and the 99th percentile."""
    hundredths = statistics.quantiles(values, n=100)
    return round(hundredths[49], 1), round(hundredths[98], 1)


def median(values: Sequence[float]) -> float:
    """The median, with one decimal."""
    return round(statistics.median(values), 1)


def hundredths(values: Sequence[float]) -> float:
    """The median, with two decimals: for ratios near one."""
    return round(statistics.median(values), 2)


def spread(values: Sequence[float], decimals: int = 1) -> str:
    """The least and the most."""
    return f"{min(values):.{decimals}f}–{max(values):.{decimals}f}"


def about() -> dict[str, Any]:
    """When it was measured, of which commit, on how many cores."""
    said = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    moment = f"{datetime.now(UTC):%Y-%m-%d %H:%M}"
    return {"taken_at": moment, "commit": said.stdout.strip(), "cores": os.cpu_count()}


@contextmanager
def in_one_line() -> Iterator[None]:
    """Who runs a command is told in one line what keeps it from measuring."""
    try:
        yield
    except LauncherError as error:
        raise SystemExit(str(error)) from error


def save(file: Path | None, rows: Sequence[Row]) -> None:
    """Write the rows, where a file was asked for."""
    if file:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps({**about(), "rows": rows}, indent=1) + "\n")
