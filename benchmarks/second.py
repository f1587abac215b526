"""Whether one more process of a role helps: orders a second with and without it, in turn, on the same cores.

    .venv/bin/python -m benchmarks.second [--roles saga-worker,saga-consumer] [--buyers 32] [--pairs 5] [--seconds 8]
        [--port-offset N]

Starts the process that `status` shows under that name a second time, and stops it again: a consumer shares the partitions
of its group with the first, a worker the queue, a relay waits for the first one's lease. Between two measurements nothing is
measured for some seconds, in which partitions move; who is first changes. `bench gateways` has two gateways beside one. At
the end the shop is held to its promises.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace

from benchmarks import results
from benchmarks.orders import (
    Shop,
    check,
    cpu_ms,
    cpu_seconds,
    measure,
    of_family,
    of_our_own,
    run,
    used_between,
    with_users,
)
from benchmarks.reads import free_port, wait
from launcher.errors import LauncherError
from launcher.instance import Instance
from launcher.services import specifications
from launcher.supervisor.specification import Specification
from launcher.system import SERVICES

ROLES = "saga-worker,saga-consumer,stock-consumer,order-consumer"
SETTLED = 4.0  # seconds in which a group shares its partitions anew
STOP_SECONDS = 30


@dataclass(frozen=True)
class Side:
    """One measurement, with one process of the role or with two."""

    rate: float  # orders a second
    p50: float  # milliseconds from POST to push
    cpu_ms: float  # of an order, of everything


def once_more(instance: Instance, role: str) -> Specification:
    """The process of that name, listening elsewhere. Raises LauncherError."""
    known = {each.name: each for owner in SERVICES for each in specifications(owner, instance)}
    if role not in known or role.endswith("-api") or role == "gateway":
        names = ", ".join(name for name in known if not name.endswith("-api") and name != "gateway")
        raise LauncherError(f"There is no {role} that could be there twice.", f"Choose from {names}.")
    port = free_port()
    probe = {name: str(port) for name in known[role].environment if name.endswith("PROBE_PORT")}
    return replace(known[role], port=port, environment={**known[role].environment, **probe})


@contextmanager
def running(instance: Instance, second: Specification) -> Iterator[int]:
    """It runs meanwhile, and whoever shares work with it has had time to do so. Its process id."""
    with (instance.logs / f"{second.name}-second.log").open("w") as log:
        process = subprocess.Popen(
            second.command, env=dict(second.environment), cwd=second.directory, stdout=log, stderr=log
        )
        try:
            wait(f"http://127.0.0.1:{second.port}{second.ready.path}")
            time.sleep(SETTLED)
            yield process.pid
        finally:
            process.terminate()
            process.wait(STOP_SECONDS)
            time.sleep(SETTLED)


def side(instance: Instance, buyers: int, seconds: float, second: int | None) -> Side:
    """One measurement; `second` is the additional process."""

    def look() -> dict[str, float]:
        return cpu_seconds(instance) | ({"second": of_family(second)} if second else {})

    seen = run(measure(Shop.of(instance), of_our_own(buyers), seconds, look))
    used = used_between(seen.before, seen.after)
    return Side(seen.rate, results.cuts(seen.measured.pushed)[0], cpu_ms(used, seen.orders))


def in_turn(
    instance: Instance, role: str, buyers: int, chosen: argparse.Namespace
) -> Iterator[tuple[Side, Side]]:
    """Pairs: with one, with two."""
    for number in range(chosen.pairs):
        sides: dict[bool, Side] = {}
        for two in (False, True) if number % 2 == 0 else (True, False):
            meanwhile = running(instance, once_more(instance, role)) if two else nullcontext(None)
            with meanwhile as second:
                sides[two] = side(instance, buyers, chosen.seconds, second)
        print(
            f"{role}, {buyers} buyers, pair {number + 1}: one {sides[False].rate:.1f}, two {sides[True].rate:.1f} orders"
            f" a second, load {results.load()}",
            flush=True,
        )
        yield sides[False], sides[True]


def compared(role: str, buyers: int, pairs: Sequence[tuple[Side, Side]], load: float) -> results.Row:
    """Medians and spread. The ratio is the median of the pairs' ratios."""
    ratios = [two.rate / one.rate for one, two in pairs]
    row: dict[str, str | float] = {"role": role, "buyers": buyers}
    for name, number in (("one", 0), ("two", 1)):
        row[f"{name}_a_second"] = results.median([pair[number].rate for pair in pairs])
        row[f"{name}_p50_ms"] = results.median([pair[number].p50 for pair in pairs])
        row[f"{name}_cpu_ms"] = results.median([pair[number].cpu_ms for pair in pairs])
    return row | {
        "two_to_one": results.hundredths(ratios),
        "ratio_spread": results.spread(ratios, 2),
        "load": load,
    }


def main() -> None:
    """Measure each role in pairs and print."""
    parser = results.options(__doc__)
    parser.add_argument("--roles", default=ROLES, help="names as `status` shows them")
    parser.add_argument("--buyers", default="32", help="how many at once, some pairs for each")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=8.0, help="how long each measurement takes")
    chosen = parser.parse_args()
    instance, counts = Instance(chosen.port_offset), results.whole_numbers(chosen.buyers)
    with_users(instance, max(counts))
    rows = []
    with results.in_one_line():
        for role in chosen.roles.split(","):
            for buyers in counts:
                load = results.load()
                rows.append(compared(role, buyers, list(in_turn(instance, role, buyers, chosen)), load))
    results.save(chosen.json, rows)
    sys.exit(check(instance))


if __name__ == "__main__":
    main()
