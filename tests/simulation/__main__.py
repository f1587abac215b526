"""Simulated lives by hand: search more seeds, or read what happened in one.

.venv/bin/python -m tests.simulation --from 1000000 --worlds 100000
.venv/bin/python -m tests.simulation --seed 42
"""

import argparse
import logging
import sys
import time

from tests.simulation import conftest as _models  # noqa: F401 - Django is set up there
from tests.simulation.lives import judge
from tests.simulation.world import World


def main() -> int:
    """Run what the arguments say; 1 where a promise was broken."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, help="tell the story of one world")
    parser.add_argument("--from", type=int, default=0, dest="first", help="the first seed of a search")
    parser.add_argument("--worlds", type=int, default=30_000, help="how many to search")
    chosen = parser.parse_args()
    logging.disable(logging.CRITICAL)
    return search(chosen.first, chosen.worlds) if chosen.seed is None else tell(chosen.seed)


def search(first: int, worlds: int) -> int:
    """Try one world after another and print every seed that breaks a promise."""
    began, lived, broken = time.monotonic(), 0, 0
    for seed in range(first, first + worlds):
        world = World(seed)
        reason = judge(world)
        lived += len(world.order.rows)
        if reason:
            broken += 1
            sys.stdout.write(f"seed {seed}: {reason}\n")
    sys.stdout.write(f"{lived} lives in {time.monotonic() - began:.0f} s, {broken} worlds broke a promise\n")
    return int(broken > 0)


def tell(seed: int) -> int:
    """Print what happened in one world, in the order of its time."""
    world = World(seed)
    reason = judge(world)
    sys.stdout.write(f"{world.faults}\nreservations last {world.stock.hold_seconds:.0f} s\n\n")
    for moment, line in world.log:
        sys.stdout.write(f"{moment:9.3f}  {line}\n")
    sys.stdout.write(f"\n{reason or 'every promise was kept'}\n")
    return int(bool(reason))


if __name__ == "__main__":
    raise SystemExit(main())
