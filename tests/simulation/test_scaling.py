"""The arithmetic of benchmarks.scaling: what it says follows from what it is told, and agrees with what was measured."""

import json
import math
from dataclasses import replace
from typing import Any

import pytest

from benchmarks import scaling_tables
from benchmarks.order_simulation import APIS, WAY, Station, fitted, simulated
from benchmarks.scaling import COSTS, Assumed, Costs, ceilings, checked, plan, shown

EACH, TURN, WAIT = 1.0, 3.0, 2.0
STORES = 10.0  # ms of an order
TOLD: dict[str, Any] = json.loads(COSTS.read_text())
# The way of an order was another one before ADR 0028 and 0029: `python -m benchmarks.cost` measures anew.
RATES = (10.0, 1000.0, 100_000.0)


def stations(turn: float = TURN, wait: float = WAIT) -> list[Station]:
    return [
        Station(name, WAY.count(name), EACH, *((0, 0) if name in APIS else (turn, wait)))
        for name in dict.fromkeys(WAY)
    ]


def size(buyers: int, batch: float) -> dict[str, Any]:
    """What would be measured where each process costs `EACH` and `TURN`, and a turn waits for `WAIT`."""
    consumers = [each.name for each in stations() if each.name.endswith("-consumer")]
    cpu = {
        each.name: each.visits * (EACH + (0 if each.name in APIS else TURN / batch)) for each in stations()
    }
    processes = sum(cpu.values())
    pushed = (
        (processes + STORES)
        / processes
        * sum(EACH + _turn(name) for name in WAY[: WAY.index("notification-api") + 1])
    )
    waits = WAIT * sum(name not in APIS for name in WAY[: WAY.index("notification-api") + 1])
    return {
        "buyers": buyers,
        "cpu_ms": {**cpu, "postgres": STORES},
        "handled": {name: {"messages": 1.0, "transactions": 1 / batch} for name in consumers},
        "pushed_ms": {"p50": pushed + waits},
    }


def _turn(name: str) -> float:
    return 0.0 if name in APIS else TURN


def test_the_figures_of_a_process_are_found_again() -> None:
    """Red when a cost is put down to the wrong part: a message, a turn, or waiting."""
    for found in fitted([size(1, 1.0), size(8, 2.0), size(32, 8.0)]):
        wanted = (EACH, 0.0, 0.0) if found.name in APIS else (EACH, TURN, WAIT)
        assert (found.each, found.turn, found.wait) == pytest.approx(wanted), found


def test_a_buyer_alone_waits_for_every_turn_on_the_way() -> None:
    """Red when a step is left out or done twice, or the waiting for stores is forgotten."""
    way = WAY[: WAY.index("notification-api") + 1]
    wanted = sum(EACH + (0 if name in APIS else TURN + WAIT) for name in way)
    assert simulated(stations(), buyers=1).p50 == pytest.approx(wanted, rel=0.05)


def test_one_core_does_a_second_of_work_in_a_second() -> None:
    """Red when work is lost, or done without a core: nothing is cheaper in batches here."""
    said = simulated(stations(turn=0.0, wait=0.0), buyers=32, cores=1)
    assert said.rate == pytest.approx(1000 / (EACH * len(WAY)), rel=0.05)
    shared = simulated(stations(turn=0.0, wait=0.0), buyers=32, cores=1, others=0.5)
    assert shared.rate == pytest.approx(said.rate / 2, rel=0.1)


def test_many_are_cheaper_together() -> None:
    """Red when a turn takes one message at a time."""
    few, many = (simulated(stations(), buyers=buyers, cores=1) for buyers in (1, 32))
    assert many.batches["saga-consumer"] > 2 * few.batches["saga-consumer"]
    assert many.rate > 1.5 * few.rate


def test_queues_grow_as_a_process_is_used_up() -> None:
    """Red when orders do not wait for each other: an API takes one request at a time."""
    costly = [
        replace(each, each=10 * EACH) if each.name == "order-api" else each for each in stations(0.1, 0)
    ]
    full = 1000 / (10 * EACH)
    quiet, busy, over = (simulated(costly, rate=part * full) for part in (0.1, 0.8, 1.3))
    assert quiet.rate == pytest.approx(0.1 * full, rel=0.2)
    assert quiet.p50 < busy.p50 < over.p50
    assert over.rate == pytest.approx(full, rel=0.05)


@pytest.mark.parametrize("rate", RATES)
def test_a_plan_has_as_many_pods_as_it_takes_and_no_more(rate: float) -> None:
    assumed = Assumed(listening=0)
    costs = Costs(TOLD, assumed)
    parts = plan(costs, rate, assumed)
    for station in costs.stations:
        pods = parts[station.name].pods
        assert pods * assumed.busy * station.orders_a_second >= rate
        assert pods == assumed.least or (pods - 1) * assumed.busy * station.orders_a_second < rate
        assert parts[station.name].cores < pods


def test_small_batches_need_more_pods_and_lower_the_ceiling_of_a_row() -> None:
    """Red when the size of a full turn does not count."""
    large, small = Assumed(), Assumed(batch=10)
    one, other = (plan(Costs(TOLD, each), 10_000, each)["stock-consumer"].pods for each in (large, small))
    assert other > one
    row, lower = (
        next(ceiling.at for ceiling in ceilings(Costs(TOLD, each), each) if "row" in ceiling.what)
        for each in (large, replace(small, zipf=2.0))
    )
    assert lower < row


def test_stores_grow_with_the_rate() -> None:
    """Red when a part of the plan forgets the rate."""
    assumed = Assumed()
    one, ten = (plan(Costs(TOLD, assumed), rate, assumed) for rate in (10_000, 100_000))
    for name in (*(name for name in one if name.startswith("PostgreSQL")), "Kafka", "Redis", "order-api"):
        assert ten[name].cores == pytest.approx(10 * one[name].cores, rel=0.01), name


def test_faster_cores_are_fewer() -> None:
    slow, fast = (Assumed(core_speed=speed) for speed in (1.0, 2.0))
    one, other = (plan(Costs(TOLD, each), 10_000, each)["order-api"].pods for each in (slow, fast))
    assert other == pytest.approx(one / 2, abs=1)


def test_the_first_ceiling_comes_first_and_a_popular_product_lowers_its_own() -> None:
    """Red when ceilings are not in order, or the share of the hottest product does not count."""
    liked, alike = Assumed(zipf=2.0), Assumed(zipf=0.0)
    assert alike.hottest == pytest.approx(1 / alike.products)
    assert liked.hottest == pytest.approx(6 / math.pi**2, rel=0.01)
    found = {assumed: ceilings(Costs(TOLD, assumed), assumed) for assumed in (liked, alike)}
    for each in found.values():
        assert [ceiling.at for ceiling in each] == sorted(ceiling.at for ceiling in each)
    row = [
        next(each.at for each in found[assumed] if each.key == "product id" and "row" in each.what)
        for assumed in found
    ]
    assert row[1] > 10 * row[0]


def test_whatever_lies_below_a_rate_is_named_before_it() -> None:
    assumed = Assumed()
    costs = Costs(TOLD, assumed)
    every = ceilings(costs, assumed)
    rate = every[3].at + 1
    below = [each for each in every if each.at < rate]
    text = "\n".join(shown(costs, rate, assumed))
    assert len(below) >= 4
    assert text.count("before that rate") == len(below)


def test_it_agrees_with_what_was_measured() -> None:
    """Red when the simulation and the kept measurements no longer go together: each size, and each from the others."""
    for measured, said, without in checked(TOLD["sizes"], TOLD["cores"]):
        for told in (said, without or said):
            assert told.rate == pytest.approx(measured["orders_a_second"], rel=0.5), measured["buyers"]


def test_the_paper_says_what_the_costs_say() -> None:
    """Red when somebody measures anew and does not write the tables: `python -m benchmarks.scaling_tables`."""
    paper = scaling_tables.PAPER.read_text()
    assert scaling_tables.written(paper, TOLD, ("costs", "limits")) == paper
    changed = json.loads(json.dumps(TOLD))
    changed["sizes"][0]["orders_a_second"] += 1
    assert scaling_tables.written(paper, changed, ("costs",)) != paper
