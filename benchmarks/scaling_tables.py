"""The tables of docs/scaling.md, written from the costs: `.venv/bin/python -m benchmarks.scaling_tables`.

Each stands between `<!-- name -->` and `<!-- /name -->`. Run it after benchmarks.cost; a test holds the paper to the file.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from benchmarks.scaling import COSTS, Assumed, Costs, ceilings, checked, shown
from launcher.instance import ROOT

PAPER = ROOT / "docs" / "scaling.md"
SMALL_BATCH = 9  # messages: the largest that were measured, about
RATES = (10, 1_000, 100_000)
CONSUMERS = ("order", "stock", "saga", "notification", "basket")
Json = dict[str, Any]
Row = Sequence[object]


def table(heading: Row, rows: Iterable[Row]) -> str:
    """As Markdown has it."""
    lines = [heading, ["---"] * len(heading), *rows]
    return "\n".join("| " + " | ".join(str(each) for each in line) + " |" for line in lines)


def costs(told: Json) -> str:
    """What one order cost at each size."""
    sizes: list[Json] = told["sizes"]
    heading = ["", *(f"{size['buyers']} buyer{'s' * (size['buyers'] > 1)}" for size in sizes)]
    return table(heading, ([name, *(of(size) for size in sizes)] for name, of in COST_ROWS.items()))


def _cpu(*names: str) -> Callable[[Json], str]:
    return lambda size: ", ".join(f"{size['cpu_ms'].get(name, 0):.1f}" for name in names)


def _batches(size: Json) -> str:
    found = [size["handled"][f"{name}-consumer"] for name in CONSUMERS]
    return ", ".join(f"{each['messages'] / each['transactions']:.1f}" for each in found)


def _rows(size: Json) -> str:
    tables = [about for each in size["postgres"].values() for about in each.get("tables", {}).values()]
    return ", ".join(
        f"{sum(about.get(what, 0) for about in tables):.0f}" for what in ("inserted", "updated", "deleted")
    )


def _of_databases(what: str, unit: float = 1) -> Callable[[Json], str]:
    return lambda size: f"{sum(each.get(what, 0) for each in size['postgres'].values()) / unit:.0f}"


def _memory(size: Json) -> str:
    stores = ("mongod", "redis", "mail", "postgres", "kafka", "keycloak")
    theirs = sum(size["memory_mib"][name] for name in stores)
    return f"{sum(size['memory_mib'].values()) - theirs:,.0f}; {theirs:,.0f}"


COST_ROWS: Mapping[str, Callable[[Json], str]] = {
    "orders a second": lambda size: f"{size['orders_a_second']:.1f}",
    "POST to push, p50 / p99, ms": lambda size: (
        f"{size['pushed_ms']['p50']:.0f} / {size['pushed_ms']['p99']:.0f}"
    ),
    "processor time of everything, ms": lambda size: (
        f"{sum(value for name, value in size['cpu_ms'].items() if name not in ('keycloak', 'the buyers')):.0f}"
    ),
    "– gateway": _cpu("gateway"),
    "– order-api": _cpu("order-api"),
    "– notification-api": _cpu("notification-api"),
    f"– consumers of {', '.join(CONSUMERS)}": _cpu(*(f"{name}-consumer" for name in CONSUMERS)),
    "– saga-worker": _cpu("saga-worker"),
    "– PostgreSQL": _cpu("postgres"),
    "– Kafka": _cpu("kafka"),
    "– Redis": _cpu("redis"),
    "messages in a transaction of those consumers": _batches,
    "rows inserted, updated, deleted": _rows,
    "commits in PostgreSQL": _of_databases("commits"),
    "WAL, kB": _of_databases("wal_bytes", 1000),
    "Kafka, one copy, kB": lambda size: f"{sum(size['kafka_bytes'].values()) / 1000:.1f}",
    "commands in Redis, those of scripts counted": lambda size: (
        f"{sum(size['redis']['commands'].values()):.0f}"
    ),
    "memory, MiB: processes of ours; stores and Keycloak": _memory,
}


def simulation(told: Json) -> str:
    """The simulation against the runs that the costs come from."""
    rows = [
        [
            size["buyers"],
            f"{size['orders_a_second']:.1f} a second, p50 {size['pushed_ms']['p50']:.0f} ms",
            f"{said.rate:.1f} a second, p50 {said.p50:.0f} ms",
            f"{without.rate:.1f} a second, p50 {without.p50:.0f} ms" if without else "–",
        ]
        for size, said, without in checked(told["sizes"], told["cores"])
    ]
    heading = ["buyers on two cores", "measured", "simulated", "simulated from the other sizes alone"]
    return table(heading, rows)


def limits(told: Json) -> str:
    """What gives way, the first first."""
    small = {
        each.what: each.at
        for each in ceilings(Costs(told, Assumed(batch=SMALL_BATCH)), Assumed(batch=SMALL_BATCH))
    }
    rows = [
        [f"{each.at:,.0f}", f"{small[each.what]:,.0f}", each.what, each.key, each.then]
        for each in ceilings(Costs(told, Assumed()), Assumed())
    ]
    heading = [
        "orders a second",
        f"batches of {SMALL_BATCH}",
        "what gives way",
        "spread by",
        "and then",
    ]
    return table(heading, rows)


def machines(told: Json) -> str:
    """The plan of each rate, as benchmarks.scaling prints it."""
    return (
        "```text\n"
        + "\n".join(line for rate in RATES for line in _without_ceilings(told, rate)).strip()
        + "\n```"
    )


def _without_ceilings(told: Json, rate: float) -> Iterator[str]:
    lines = shown(Costs(told, Assumed()), rate, Assumed())
    return (line for line in lines if not line.startswith("  before that rate"))


TABLES: Mapping[str, Callable[[Json], str]] = {
    "costs": costs,
    "simulation": simulation,
    "limits": limits,
    "machines": machines,
}


def written(paper: str, told: Json, names: Iterable[str] = TABLES) -> str:
    """The paper with these tables made anew. Raises LookupError for one that it has no place for."""
    for name in names:
        place = re.compile(rf"(<!-- {name} -->\n).*?(\n<!-- /{name} -->)", re.DOTALL)
        if not place.search(paper):
            raise LookupError(name)
        made = TABLES[name](told)
        paper = place.sub(lambda found, made=made: f"{found[1]}{made}{found[2]}", paper)  # type: ignore[misc]
    return paper


if __name__ == "__main__":
    PAPER.write_text(written(PAPER.read_text(), json.loads(COSTS.read_text())))
