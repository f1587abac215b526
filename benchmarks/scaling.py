"""How many machines so many orders a second need, computed from what one order was measured to cost.

    .venv/bin/python -m benchmarks.scaling [--orders-per-second 10,1000,100000] [--costs FILE] [--core-speed 1.5]
    .venv/bin/python -m benchmarks.scaling --check          # the simulation against the runs that the costs come from
    .venv/bin/python -m benchmarks.scaling --check --elsewhere 8:12.5 32:21.0 --pods 2 --cores 2 --others 0.4

Nothing but `benchmarks/costs.json` (benchmarks.cost) is measured. Whatever this prints is computed: a plan of pods, a
simulation of the way of an order through their queues (benchmarks.order_simulation), and the ceilings by which the first thing
to give way is found. What else is taken for granted is in `Assumed`, on one screen.
"""

import argparse
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.order_simulation import (
    BATCH,
    CARRIERS,
    SAMPLE,
    Station,
    Told,
    fitted,
    simulated,
    with_stores_elsewhere,
)
from launcher.instance import ROOT
from shared.contracts.topics import PARTITIONS, RETENTION_DAYS

COSTS = ROOT / "benchmarks" / "costs.json"
Json = dict[str, Any]
DAY = 86_400
MIB, GIB, TIB = 2**20, 2**30, 2**40
PASSING = ("messaging_inboxmessage", "messaging_outboxmessage")  # rows that are forgotten after a while
SINGLE = {"saga-beat": 1}
IDLE = (
    "basket-api",
    "product-api",
    "product-relay",
    "saga-api",
    "saga-worker",
    "stock-api",
)  # orders do not pass there


@dataclass(frozen=True)
class Assumed:
    """What was not measured here. Change it and the answer changes."""

    # Of a consumer's processor time, what its relay takes: 0.16 to 0.33 when relays were processes of their own.
    carrying: float = 0.3
    busy: float = 0.65  # of a process, a core, a writer: more, and queues grow without need
    least: int = 2  # pods of a Deployment, so that one may be away
    machine_cores: int = 16
    machine_gib: int = 64
    core_speed: float = 1.0  # of a core there, in cores of the machine that the costs come from
    writer_cores: int = 32  # of the largest PostgreSQL that one would run
    writer_wal: float = 200e6  # bytes a second that its disk and its replicas follow
    redis_commands: float = 100_000  # a second, of one process: it has one thread
    broker_bytes: float = 50e6  # a second that one Kafka broker takes in, copies not counted
    server_gib: float = 8.0  # memory of one server of any store
    follower: float = 0.3  # of the processor time of a writer or a leader, for each copy that follows it
    most_pods: int = 6  # maxReplicas of k8s/base
    batch: int = (
        BATCH  # messages of a full turn; what more than the measured ones cost is a straight line drawn on
    )
    copies: int = 3  # of each message, and of each row (one writer, two replicas)
    listening: float = 60  # seconds for which a customer keeps a socket open for one order
    sockets: int = 2048  # of one gateway process (MICROCOMMERCE_MAX_SOCKETS)
    socket_bytes: int = 39_000  # docs/measurements.md
    hearing: float = 0.02  # ms in which a process drops a notification that concerns none of its sockets
    products: int = 10_000
    zipf: float = 1.0  # how unequal products are bought: the n-th as often as 1 / n ** zipf

    @property
    def hottest(self) -> float:
        """The part of all orders that the most popular product has."""
        return 1 / math.fsum(1 / n**self.zipf for n in range(1, self.products + 1))


@dataclass(frozen=True)
class Ceiling:
    """Where more pods bring nothing: at how many orders a second, by which key that load could be spread, and how."""

    at: float
    what: str
    key: str
    then: str


@dataclass(frozen=True)
class Part:
    """Pods of one Deployment, or processes of one store."""

    pods: int
    cores: float
    gib: float


class Costs:
    """The file, at its largest size: there batches are largest, and a busy platform has them."""

    def __init__(self, told: Json, assumed: Assumed) -> None:
        self.sizes: list[Json] = told["sizes"]
        self.most: Json = max(self.sizes, key=lambda size: size["buyers"])
        self.speed = assumed.core_speed
        self.stations = [
            replace(each.faster(self.speed), most=assumed.batch) for each in with_stores_elsewhere(self.sizes)
        ]

    def cpu(self, process: str) -> float:
        """Milliseconds of an order."""
        return float(self.most["cpu_ms"].get(process, 0.0)) / self.speed

    def gib(self, process: str) -> float:
        """Memory of one process."""
        return float(self.most["memory_mib"][process]) / 1024

    def databases(self) -> dict[str, Json]:
        """What each service's database has of an order."""
        return {name: about for name, about in self.most["postgres"].items() if "tables" in about}

    def writer_ms(self, database: str) -> float:
        """Milliseconds of PostgreSQL for an order."""
        return float(self.databases()[database]["cpu_ms"]) / self.speed

    def redis_commands(self) -> float:
        """Of an order, those inside of scripts counted: they take the same thread."""
        return float(sum(self.most["redis"]["commands"].values()))

    def kafka_bytes(self) -> float:
        """Of an order, one copy."""
        return float(sum(self.most["kafka_bytes"].values()))

    def table_bytes(self, passing: bool) -> float:
        """What PostgreSQL grows by: rows that are forgotten, or those that stay."""
        tables = [each for about in self.databases().values() for each in about["tables"].items()]
        return float(sum(about.get("bytes", 0.0) for name, about in tables if (name in PASSING) is passing))


def plan(costs: Costs, rate: float, assumed: Assumed) -> dict[str, Part]:
    """What runs for `rate` orders a second, once nothing of `ceilings` stands in the way any more."""
    parts = {name: Part(assumed.least, 0.01, assumed.least * costs.gib(name)) for name in IDLE}
    parts |= {name: Part(pods, 0.01, pods * costs.gib(name)) for name, pods in SINGLE.items()}
    for station in costs.stations:
        pods = max(assumed.least, math.ceil(rate / (assumed.busy * station.orders_a_second)))
        pods = max(pods, _for_sockets(station.name, rate, assumed))
        cores = pods * station.cores(rate / pods)
        sockets = rate * assumed.listening * assumed.socket_bytes / GIB if _has_sockets(station.name) else 0
        parts[station.name] = Part(pods, cores, pods * costs.gib(station.name) + sockets)
    return parts | dict(_stores(costs, rate, assumed))


def _has_sockets(name: str) -> bool:
    return name in ("gateway", "notification-api")


def _for_sockets(name: str, rate: float, assumed: Assumed) -> int:
    return math.ceil(rate * assumed.listening / assumed.sockets) if _has_sockets(name) else 0


def _stores(costs: Costs, rate: float, assumed: Assumed) -> Iterator[tuple[str, Part]]:
    """Servers, followers among them."""
    with_followers = 1 + (assumed.copies - 1) * assumed.follower
    for database, about in costs.databases().items():
        cores, wal = rate * costs.writer_ms(database) / 1000, rate * about["wal_bytes"]
        writers = max(cores / (assumed.busy * assumed.writer_cores), wal / assumed.writer_wal)
        yield (
            f"PostgreSQL: {database}",
            _servers(math.ceil(writers) * assumed.copies, cores * with_followers, assumed),
        )
    cores = rate * costs.cpu("kafka") / 1000 * with_followers
    brokers = max(
        rate * costs.kafka_bytes() / assumed.broker_bytes, cores / (assumed.busy * assumed.machine_cores)
    )
    yield "Kafka", _servers(max(assumed.copies, math.ceil(brokers)), cores, assumed)
    commands = rate * costs.redis_commands() / (assumed.busy * assumed.redis_commands)
    yield "Redis", _servers(2 * math.ceil(commands), 2 * rate * costs.cpu("redis") / 1000, assumed)
    yield "MongoDB", _servers(assumed.copies, assumed.copies * 0.01, assumed)


def _servers(servers: int, cores: float, assumed: Assumed) -> Part:
    return Part(servers, cores, servers * assumed.server_gib)


def ceilings(costs: Costs, assumed: Assumed) -> list[Ceiling]:
    """Everything that gives way once, the first first: as the platform is now, each at `busy` of what it can."""
    stations = {each.name: each for each in costs.stations}
    found = [*_of_processes(stations, assumed), *_of_stores(costs, assumed), _of_a_row(stations, assumed)]
    return sorted(found, key=lambda ceiling: ceiling.at)


def _of_processes(stations: Mapping[str, Station], assumed: Assumed) -> Iterator[Ceiling]:
    for name, station in stations.items():
        most = assumed.busy * station.orders_a_second
        if name in ("gateway", "order-api"):
            then = "a setting: maxReplicas"
            yield Ceiling(
                assumed.most_pods * most, f"{name}: {assumed.most_pods} pods", "none: any pod", then
            )
        if name in CARRIERS:
            then = "to be built: a relay takes the rows whose key's hash is its own"
            yield Ceiling(most / assumed.carrying, f"{name}: the relay of one is active", "order id", then)
        if name.endswith("-consumer"):
            then = "a setting: more partitions in shared/contracts/topics.py, larger maxReplicas"
            key = "customer id" if name == "basket-consumer" else "order id"
            yield Ceiling(PARTITIONS * most, f"{name}: {PARTITIONS} partitions", key, then)
    then = "to be built: a group for each part of the customers"
    heard = assumed.busy * 1000 / assumed.hearing * assumed.core_speed
    yield Ceiling(heard, "notification-api: each process hears of everything", "customer id", then)


def _of_stores(costs: Costs, assumed: Assumed) -> Iterator[Ceiling]:
    every = sum(costs.writer_ms(name) for name in costs.databases())
    cores = 1000 * assumed.busy * assumed.writer_cores
    then = "a setting: a server for each service (MICROCOMMERCE_DATABASE_URL)"
    yield Ceiling(cores / every, "PostgreSQL: one server for all services", "service", then)
    keys = {"notification": "customer id", "order": "customer id", "saga": "order id", "stock": "product id"}
    for name, about in costs.databases().items():
        most = min(cores / costs.writer_ms(name), assumed.writer_wal / about["wal_bytes"])
        then = "to be built: several databases of the service, chosen by the key"
        if name == "stock":
            then += "; an order of products in several is several reservations of its saga"
        yield Ceiling(most, f"PostgreSQL: one writer of {name}", keys[name], then)
    commands = assumed.busy * assumed.redis_commands / costs.redis_commands()
    then = "a setting: a server for each service (MICROCOMMERCE_REDIS_URL); to be built: Redis Cluster, by hash tags"
    yield Ceiling(commands, "Redis: one thread for all services", "service, then customer id", then)


def _of_a_row(stations: Mapping[str, Station], assumed: Assumed) -> Ceiling:
    """The level of the most popular product is locked by every batch in which it is; those go one after the other."""
    stock = stations["stock-consumer"]
    touched = 1 - (1 - assumed.hottest) ** stock.batch
    then = "done: a batch locks a product once; to be built: a hot product's pieces in several rows"
    what = f"stock: the row of one product that {assumed.hottest:.0%} of the orders want"
    return Ceiling(assumed.busy * stock.orders_a_second / touched, what, "product id", then)


def shown(costs: Costs, rate: float, assumed: Assumed) -> Iterator[str]:
    """Everything about one rate, as lines."""
    parts = plan(costs, rate, assumed)
    cores, gib = sum(each.cores for each in parts.values()), sum(each.gib for each in parts.values())
    machines = max(cores / (assumed.busy * assumed.machine_cores), gib / (0.8 * assumed.machine_gib))
    size = f"{assumed.machine_cores} cores, {assumed.machine_gib} GiB"
    yield f"\n{rate:,.0f} orders a second (computed): {max(3, math.ceil(machines)):,} machines of {size}"
    yield f"  {cores:,.1f} cores busy, {gib:,.0f} GiB"
    yield from _ways(costs, rate, parts)
    for name, part in sorted(parts.items(), key=lambda item: -item[1].cores):
        yield f"  {name:24}{part.pods:>8,} × {part.cores:>10,.1f} cores {part.gib:>9,.1f} GiB"
    yield from _bytes(costs, rate, assumed)
    partitions = max(parts[each.name].pods for each in costs.stations if each.name.endswith("-consumer"))
    yield f"  partitions of a topic    {max(PARTITIONS, math.ceil(1.5 * partitions)):,}; product.events has 1"
    yield from _in_the_way(costs, rate, assumed)


def _ways(costs: Costs, rate: float, parts: Mapping[str, Part]) -> Iterator[str]:
    sample = min(rate, SAMPLE)
    pods = {name: max(1, round(part.pods * sample / rate)) for name, part in parts.items()}
    told = simulated(costs.stations, pods=pods, rate=sample)
    note = "" if sample == rate else f", a slice of {sample:,.0f} orders a second simulated"
    yield f"  POST to push p50 / p99   {told.p50:,.0f} / {told.p99:,.0f} ms{note}"


def _bytes(costs: Costs, rate: float, assumed: Assumed) -> Iterator[str]:
    day = rate * DAY * assumed.copies / TIB
    kafka, wal = costs.kafka_bytes(), sum(each["wal_bytes"] for each in costs.databases().values())
    network = rate * (kafka * (assumed.copies + 1) + wal * (assumed.copies - 1)) * 8 / 1e6
    yield f"  between stores and pods  {network:,.1f} Mbit/s for Kafka and replicas"
    passing = day * costs.table_bytes(passing=True) * (RETENTION_DAYS + 1)
    yield f"  disk a day, {assumed.copies} copies     {_tib(day * costs.table_bytes(passing=False))} rows that stay"
    yield f"  disk at any time         {_tib(passing)} inbox and outbox, {_tib(day * kafka * RETENTION_DAYS)} Kafka"


def _tib(size: float) -> str:
    return f"{size:,.0f} TiB" if size > 10 else f"{size:.2f} TiB"  # noqa: PLR2004 - three digits or so


def _in_the_way(costs: Costs, rate: float, assumed: Assumed) -> Iterator[str]:
    every = ceilings(costs, assumed)
    yield f"  first ceiling            {every[0].at:,.0f} orders a second: {every[0].what}"
    for ceiling in every:
        if ceiling.at < rate:
            yield f"  before that rate         {ceiling.at:>9,.0f}  {ceiling.what} [{ceiling.key}]: {ceiling.then}"


def checked(sizes: Sequence[Json], cores: int) -> Iterator[tuple[Json, Told, Told | None]]:
    """Each measured size, what the simulation says with all sizes, and with the others alone."""
    smallest = min(sizes, key=lambda size: size["buyers"])
    for size in sizes:
        # How long a turn waits for its store comes from the smallest: without it that is a guess.
        others = [each for each in sizes if each is not size] if size is not smallest else []
        told = [
            simulated(
                fitted(known), buyers=size["buyers"], cores=cores, others=size["cores_of_others"], whole=known
            )
            for known in (sizes, others)
            if known
        ]
        yield size, told[0], told[1] if len(told) > 1 else None


def _check(told: Json) -> None:
    print("buyers   measured /s   p50 ms   simulated /s   p50 ms   without that size /s   p50 ms")
    for size, said, without in checked(told["sizes"], told["cores"]):
        print(
            f"{size['buyers']:>6} {size['orders_a_second']:>13.1f} {size['pushed_ms']['p50']:>8.0f} {said.rate:>14.1f} {said.p50:>8.0f}",
            f"{without.rate:>22.1f} {without.p50:>8.0f}" if without else f"{'–':>22} {'–':>8}",
        )


def _check_elsewhere(
    told: Json, measured: Sequence[str], pods: int, cores: int, others: float, speed: float
) -> None:
    """A shop of `pods` pods of each Deployment, on `cores` of that speed, of which `others` were busy with something else."""
    stations = fitted(told["sizes"])
    many = {each.name: pods for each in stations}
    print("elsewhere  buyers   measured /s   simulated /s   p50 ms")
    for each in measured:
        buyers, rate = each.split(":")
        said = simulated(
            stations, buyers=int(buyers), pods=many, cores=cores, others=others, whole=told["sizes"]
        )
        print(f"{buyers:>17} {float(rate):>13.1f} {said.rate * speed:>14.1f} {said.p50 / speed:>8.0f}")


def main() -> None:
    """Print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--orders-per-second", default="10,1000,100000")
    parser.add_argument("--costs", type=Path, default=COSTS)
    parser.add_argument(
        "--core-speed", type=float, default=1.0, help="of a core, in cores of the measured machine"
    )
    parser.add_argument("--largest-batch", type=int, default=BATCH, help="messages of one turn at most")
    parser.add_argument("--check", action="store_true", help="compare with the runs that were measured")
    parser.add_argument("--elsewhere", nargs="*", default=[], metavar="BUYERS:ORDERS_A_SECOND")
    parser.add_argument("--pods", type=int, default=1, help="of each Deployment elsewhere")
    parser.add_argument("--cores", type=int, default=2, help="that all of it shared elsewhere")
    parser.add_argument("--others", type=float, default=0.0, help="cores that did something else there")
    chosen = parser.parse_args()
    told = json.loads(chosen.costs.read_text())
    print(f"Costs of {told['taken_at']}, commit {told['commit']}")
    if chosen.check:
        _check(told)
        _check_elsewhere(told, chosen.elsewhere, chosen.pods, chosen.cores, chosen.others, chosen.core_speed)
        return
    assumed = Assumed(core_speed=chosen.core_speed, batch=chosen.largest_batch)
    print(*(f"  {name} {value}" for name, value in vars(assumed).items()), sep="\n")
    for rate in chosen.orders_per_second.split(","):
        print("\n".join(shown(Costs(told, assumed), float(rate), assumed)))


if __name__ == "__main__":
    main()
