"""The benchmarks that `manage_all.py bench` lists and runs; each is a script by itself, `python -m benchmarks.NAME`."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from launcher import platform
from launcher.errors import LauncherError
from launcher.instance import ROOT, Instance

RESULTS = ROOT / "test-results" / "bench"
KILLED = 128


@dataclass(frozen=True)
class Benchmark:
    """A module of `benchmarks`, and what can be said to it."""

    name: str
    what: str
    at_once: str = ""  # its option for how many do it at once
    options: str = ""  # further ones, with their defaults or an example
    measures: bool = True  # a platform that runs; else it computes

    @property
    def module(self) -> str:
        """As `python -m` takes it."""
        return f"benchmarks.{self.name}"

    @property
    def results(self) -> Path:
        """Where `bench` has its rows written."""
        return RESULTS / f"{self.name}.json"


BENCHMARKS = (
    Benchmark(
        "orders",
        "orders a second, the wait from POST to push, CPU of an order by process; then `check`",
        "--buyers",
        "--seconds 20 --products 1 --by-basket --no-check",
    ),
    Benchmark(
        "cost",
        "what an order costs, store by store; writes benchmarks/costs.json",
        "--buyers",
        "--seconds 30 --out FILE",
    ),
    Benchmark(
        "reads",
        "pages through the gateway, signed in and not, shared and not; needs wrk",
        "--connections",
        "--pages stock,basket --gateways 1 --seconds 5",
    ),
    Benchmark(
        "admin_lists",
        "lists of the back office with a million rows: only on a platform that may be thrown away",
        "--managers",
        "--rows 1000000 --keep-rows",
    ),
    Benchmark("catalogue_search", "searches of a large catalogue", options="--products 200000"),
    Benchmark("catalogue_updates", "changes of the catalogue into every copy", options="--changes 5000"),
    Benchmark(
        "against_vendure",
        "orders here and at Vendure in turn, and their ratio; installs Vendure from npm, needs Node 20",
        "--buyers",
        "--pairs 5 --seconds 10 --by-basket",
    ),
    Benchmark(
        "storefront",
        "a page of 20 products here and Vendure's search in turn, and their ratio; needs wrk and Node 20",
        "--connections",
        "--pairs 5 --seconds 4",
    ),
    Benchmark(
        "sagas",
        "sagas by Kafka alone, at Temporal and in a Celery chain in turn; installs Temporal from PyPI",
        options="--at-once 64 --pairs 5 --seconds 8 --peers temporal,celery",
    ),
    Benchmark(
        "gateways",
        "the gateway's hop beside haproxy's and Fastify's; needs wrk, nginx, haproxy and Node 20",
        "--connections",
        "--pairs 5 --seconds 4",
    ),
    Benchmark(
        "limit",
        "the SQL and the messages of one order alone on the machine, and which part of that the platform does",
        "--buyers",
        "--pairs 3 --seconds 8 --orders 2000",
    ),
    Benchmark(
        "second",
        "one more worker or consumer, with and without it in turn",
        "--buyers",
        "--roles saga-worker,saga-consumer --pairs 5 --seconds 8",
    ),
    Benchmark(
        "sockets",
        "a thousand listeners and 50 orders a second: the wait for the push, memory of a socket",
        options="--sockets 1000 --orders 50 --buyers 32 --seconds 20",
    ),
    Benchmark(
        "large",
        "a million orders and products beside the platform when it was small: only where it may be thrown away",
        options="--rows 1000000 --buyers 32 --seconds 15 --products 10 --keep-rows",
    ),
    Benchmark(
        "plots",
        "draws what `bench orders` has written, for docs/performance.md",
        options="--results FILE --out DIRECTORY",
        measures=False,
    ),
    Benchmark(
        "scaling",
        "computes machines for a rate of orders from benchmarks/costs.json",
        options="--orders-per-second 10,1000 --check",
        measures=False,
    ),
)


def named(name: str) -> Benchmark:
    """The benchmark of that name. Raises LauncherError."""
    for each in BENCHMARKS:
        if each.name == name:
            return each
    known = ", ".join(each.name for each in BENCHMARKS)
    raise LauncherError(
        f"There is no benchmark {name}.", f"Choose from {known}; `manage_all.py bench` says what they do."
    )


def run(benchmark: Benchmark, instance: Instance, at_once: str, arguments: Sequence[str]) -> int:
    """Run it, which shows its progress itself; its exit code. What it found is in `benchmark.results` afterwards."""
    command = [sys.executable, "-m", benchmark.module, *_at_once(benchmark, at_once)]
    if benchmark.measures:
        platform.require_everything(instance)
        benchmark.results.unlink(missing_ok=True)
        command += ["--port-offset", str(instance.offset), "--json", str(benchmark.results)]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    code = subprocess.run([*command, *arguments], cwd=ROOT, env=environment, check=False).returncode
    return code if code >= 0 else KILLED - code  # as a shell says it


def _at_once(benchmark: Benchmark, numbers: str) -> Sequence[str]:
    if numbers and not benchmark.at_once:
        several = ", ".join(each.name for each in BENCHMARKS if each.at_once)
        raise LauncherError(f"{benchmark.name} knows no --buyers.", f"These do: {several}.")
    return (benchmark.at_once, numbers) if numbers else ()


def rows(benchmark: Benchmark) -> list[dict[str, Any]]:
    """What the last run has found; nothing where it did not come to its end."""
    if not benchmark.results.exists():
        return []
    found: list[dict[str, Any]] = json.loads(benchmark.results.read_text())["rows"]
    return found
