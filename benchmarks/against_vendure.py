"""Orders a second of this platform and of Vendure 3.7.3 in turn, on the same cores: medians, spread and ratio of pairs.

    .venv/bin/python -m benchmarks.against_vendure [--buyers 1,8,32] [--pairs 5] [--seconds 10] [--by-basket] [--port-offset N]

Installs Vendure from npm into the cache (once), starts it beside the platform that runs, on a PostgreSQL of the same kind
and settings, with a job worker as its documents ask for. Both stay up; who has no buyers is idle. Buyers are a closed loop:
ours send POST /api/orders/ and wait for the push of `order.confirmed` (with `--by-basket` PUT the basket first), Vendure's
send the six requests that its shop API wants for an order and are done when the last answer says PaymentSettled. All of
ours buy one product, those of Vendure each another. At the end our shop is held to its promises. Needs Node 20.
"""

import argparse
import statistics
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import aiohttp

from benchmarks import results
from benchmarks.orders import (
    Seen,
    Shop,
    check,
    closed_loop,
    cpu_ms,
    cpu_seconds,
    measure,
    of_family,
    of_our_own,
    run,
    used_between,
    with_users,
)
from benchmarks.peers.vendure.buyer import Buyer
from benchmarks.peers.vendure.shop import Vendure, require_node, running
from launcher.instance import Instance


@dataclass(frozen=True)
class Side:
    """One measurement of one of the two."""

    rate: float  # orders a second
    p50: float  # milliseconds from the first request to the last answer, or the push
    cpu_ms: float  # of an order, of every process of that shop

    @classmethod
    def of(cls, seen: Seen[dict[str, float]]) -> "Side":
        """What the buyers saw, and what it cost."""
        p50 = round(statistics.median(seen.measured.pushed), 1)
        return cls(seen.rate, p50, cpu_ms(used_between(seen.before, seen.after), seen.orders))


@dataclass(frozen=True)
class Pair:
    """Both, one right after the other."""

    ours: Side
    theirs: Side

    @property
    def ratio(self) -> float:
        """How many times as many orders a second are ours."""
        return self.ours.rate / self.theirs.rate


def compared(buyers: int, pairs: Sequence[Pair], load: float) -> results.Row:
    """Medians and spread. The ratio is the median of the pairs' ratios, not the ratio of medians."""
    ours, theirs = [pair.ours for pair in pairs], [pair.theirs for pair in pairs]
    ratios = [pair.ratio for pair in pairs]
    return {
        "buyers": buyers,
        "ours_a_second": results.median([each.rate for each in ours]),
        "ours_spread": results.spread([each.rate for each in ours]),
        "vendure_a_second": results.median([each.rate for each in theirs]),
        "vendure_spread": results.spread([each.rate for each in theirs]),
        "ratio": results.median(ratios),
        "ratio_spread": results.spread(ratios),
        "ours_p50_ms": results.median([each.p50 for each in ours]),
        "vendure_p50_ms": results.median([each.p50 for each in theirs]),
        "ours_cpu_ms": results.median([each.cpu_ms for each in ours]),
        "vendure_cpu_ms": results.median([each.cpu_ms for each in theirs]),
        "load": load,
    }


async def vendure_orders(shop: Vendure, buyers: int, seconds: float) -> Seen[dict[str, float]]:
    """So many buyers at Vendure."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        shoppers = [Buyer(http, shop, number).order_until for number in range(buyers)]
        return await closed_loop(shoppers, seconds, partial(_cpu_seconds, shop))


def _cpu_seconds(shop: Vendure) -> dict[str, float]:
    return {str(pid): of_family(pid) for pid in shop.pids()}


def in_turn(instance: Instance, shop: Vendure, buyers: int, chosen: argparse.Namespace) -> Iterator[Pair]:
    """The pairs; who is first changes."""
    for number in range(chosen.pairs):
        sides: dict[str, Side] = {}
        for name in ("ours", "theirs") if number % 2 == 0 else ("theirs", "ours"):
            measurement = (
                measure(
                    Shop.of(instance),
                    of_our_own(buyers),
                    chosen.seconds,
                    partial(cpu_seconds, instance),
                    by_basket=chosen.by_basket,
                )
                if name == "ours"
                else vendure_orders(shop, buyers, chosen.seconds)
            )
            sides[name] = Side.of(run(measurement))
        pair = Pair(**sides)
        print(
            f"{buyers:>3} buyers, pair {number + 1}: ours {pair.ours.rate:.1f}, Vendure {pair.theirs.rate:.1f} a second,"
            f" {pair.ratio:.1f} ×, load {results.load()}",
            flush=True,
        )
        yield pair


def main() -> None:
    """Start Vendure, measure in pairs, print."""
    parser = results.options(__doc__)
    parser.add_argument("--buyers", default="1,8,32", help="how many at once, some pairs for each")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10.0, help="how long each measurement takes")
    parser.add_argument("--by-basket", action="store_true", help="ours PUT the basket first")
    chosen = parser.parse_args()
    instance, rounds = Instance(chosen.port_offset), results.whole_numbers(chosen.buyers)
    with results.in_one_line():
        require_node()
        with_users(instance, max(rounds))
        with running(partial(print, flush=True)) as shop:
            rows = []
            for buyers in rounds:
                load = results.load()
                rows.append(compared(buyers, list(in_turn(instance, shop, buyers, chosen)), load))
    results.save(chosen.json, rows)
    sys.exit(check(instance))


if __name__ == "__main__":
    main()
