"""How near the platform comes to what this machine could do at best: the same SQL by pgbench, the same messages by a producer.

    .venv/bin/python -m benchmarks.limit [--buyers 32] [--pairs 3] [--seconds 8] [--orders 2000] [--port-offset N]

Places one order on a platform that is quiet, and takes down what it was made of: every statement from PostgreSQL's log, and
every message from Kafka. Then, in turn with the platform's own buyers: pgbench runs these statements again, in the
transactions they were in, in copies of the four databases on a PostgreSQL like ours (ids are new for each order, products are
90 in turn, what a relay marks as sent is what the same order wrote); a producer with our settings writes the messages
to a topic of its own. Nothing decides, parses or answers there. The limit is what is left when one machine does both:
1 / (1/SQL + 1/messages). At the end our shop is held to its promises.
"""

import argparse
import asyncio
import json
import re
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import psycopg
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka import Message as KafkaMessage
from confluent_kafka.admin import AdminClient, NewTopic

from benchmarks import results
from benchmarks.orders import (
    MANAGER,
    Buyer,
    Measured,
    Shop,
    check,
    measure,
    of_our_own,
    run,
    stocked,
    with_users,
)
from benchmarks.peers import beside
from launcher.addresses import kafka_address, postgres_url
from launcher.errors import LauncherError
from launcher.instance import Instance
from launcher.stores import postgres
from launcher.system import with_postgres
from shared.messaging import kafka

OFFSET = 9_800  # between the ports of platforms, which are moved by thousands
CLIENTS = 8  # of each database
QUIET = 2.0  # seconds until a basket is emptied and every mark is made
OWNERS = tuple(each.name for each in with_postgres())
MARK = "taken"
LOG = ("log_statement = 'all'", f"log_line_prefix = '{MARK} %d '")
STATEMENT = re.compile(rf"^{MARK} (\w+) LOG:  (?:statement|execute [^:]*): (.*)", re.DOTALL)
BOUND = re.compile(r"\$(\d+) = ('(?:[^']|'')*'|NULL)")
ID = re.compile(r"\b([0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?)[0-9a-f]{12}\b")
# What a relay marks are rows of numbers that only the first run had: here those of the order's own trace.
MARKED = re.compile(r"(messaging_outboxmessage\b.*)\bid = ANY\s*\(\S*?\)", re.DOTALL)
OF_THE_ORDER = r"\1sent_at IS NULL AND headers->>'traceparent' LIKE '%:n-%'"
SETTING = "\\set n random(100000000000, 999999999999)\n\\set p random(10, 99)\n"
COPIED = {"order": "order_productcopy", "stock": "stock_stockitem"}
TOPIC = "benchmarks.limit"
PARTITIONS = 3


@dataclass(frozen=True)
class Anatomy:
    """What one order was made of."""

    product: str
    statements: Mapping[str, Sequence[str]]  # by database, in their order
    messages: Sequence[KafkaMessage]


async def _product(shop: Shop) -> str:
    """One that can be bought, once everything about it is done."""
    async with aiohttp.ClientSession() as http:
        [product] = await stocked(http, shop, await shop.headers(http, MANAGER, MANAGER), 1, 10)
        await asyncio.sleep(QUIET)
        return product


async def _bought(shop: Shop, product: str) -> None:
    async with aiohttp.ClientSession() as http:
        buyer = Buyer(http, shop, *of_our_own(1)[0])
        await buyer.sign_in()
        await buyer.listen()
        await buyer.buy(product, Measured())
        await asyncio.sleep(QUIET)


def taken_apart(instance: Instance) -> Anatomy:
    """Order once, and look what the stores did."""
    shop = Shop.of(instance)
    product = run(_product(shop))
    reader = Consumer(
        {"bootstrap.servers": kafka_address(instance), "group.id": TOPIC, "enable.auto.commit": False}
    )
    before = _ends(reader)
    with _told(instance) as log:
        run(_bought(shop, product))
        said = log()
    messages = list(_between(reader, before, _ends(reader)))
    reader.close()
    return Anatomy(product, _statements(said), messages)


@contextmanager
def _told(instance: Instance) -> Iterator[Any]:
    """PostgreSQL writes every statement into its log meanwhile; yields what reads it."""
    file = instance.logs / f"{postgres.NAME}.log"
    start = file.stat().st_size
    with psycopg.connect(postgres_url(instance), autocommit=True) as connection:
        for setting in LOG:
            connection.execute(f"ALTER SYSTEM SET {setting}")
        connection.execute("SELECT pg_reload_conf()")
        try:
            yield lambda: file.read_bytes()[start:].decode(errors="replace")
        finally:
            for setting in LOG:
                connection.execute(f"ALTER SYSTEM RESET {setting.partition(' ')[0]}")
            connection.execute("SELECT pg_reload_conf()")


def _statements(said: str) -> dict[str, list[str]]:
    """The statements of each database, with their parameters in place."""
    found: dict[str, list[str]] = {name: [] for name in OWNERS}
    entries = re.split(rf"(?m)^(?={MARK} )", said)
    for entry, following in zip(entries, [*entries[1:], ""], strict=True):
        match = STATEMENT.match(entry)
        if not match or match[1] not in found or not match[2].strip():
            continue
        known = BOUND.findall(following) if " DETAIL:  " in following[:80] else []
        text = match[2]
        for number, value in reversed(known):  # $10 before $1
            text = text.replace(f"${number}", value)
        found[match[1]].append(text.strip())
    return found


def _ends(reader: Consumer) -> dict[tuple[str, int], int]:
    return {
        (name, number): reader.get_watermark_offsets(TopicPartition(name, number), timeout=10)[1]
        for name, topic in reader.list_topics(timeout=10).topics.items()
        if not name.startswith("__") and name != TOPIC
        for number in topic.partitions
    }


def _between(
    reader: Consumer, before: Mapping[tuple[str, int], int], after: Mapping[tuple[str, int], int]
) -> Iterator[KafkaMessage]:
    for place, end in after.items():
        start = before.get(place, 0)
        if end > start:
            reader.assign([TopicPartition(*place, start)])
            yield from reader.consume(end - start, timeout=10)


def script(anatomy: Anatomy, name: str) -> str:
    """The statements of one database for pgbench: new ids for each order."""
    product = f"{anatomy.product[:-2]}:p"
    lines = [
        MARKED.sub(OF_THE_ORDER, ID.sub(r"\1:n", statement).replace(anatomy.product, product))
        for statement in anatomy.statements[name]
    ]
    return SETTING + "".join(f"{line.rstrip(';')};\n" for line in lines)


@contextmanager
def copies(instance: Instance, anatomy: Anatomy) -> Iterator[tuple[Instance, dict[str, Path]]]:
    """A PostgreSQL with the four databases, empty but for 90 products, and a script for each."""
    with beside.place("limit", OFFSET) as own:
        postgres.prepare(own)
        beside.start(own, postgres.specification(own))
        scripts = {}
        for name in OWNERS:
            _copy(instance, own, name, anatomy.product)
            scripts[name] = own.config / f"{name}.sql"
            scripts[name].write_text(script(anatomy, name))
        yield own, scripts


def _copy(instance: Instance, own: Instance, name: str, product: str) -> None:
    with psycopg.connect(postgres_url(own), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    dump = [str(postgres.program("pg_dump")), "--schema-only", "--no-owner", "--no-privileges"]
    schema = subprocess.run([*dump, postgres_url(instance, name)], capture_output=True, text=True, check=True)
    load = "\n".join(line for line in schema.stdout.splitlines() if not line.startswith("\\"))
    with psycopg.connect(_url(own, name), autocommit=True) as there:
        there.execute(load)
        if table := COPIED.get(name):
            with psycopg.connect(postgres_url(instance, name)) as here:
                query = f"SELECT to_jsonb(one) FROM {table} AS one WHERE product_id = %s"  # noqa: S608 - from the table above
                [row] = here.execute(query, [product]).fetchone() or ({},)
            for number in range(10, 100):
                new = (
                    row
                    | {"product_id": f"{product[:-2]}{number}"}
                    | ({"on_hand": 10**9} if name == "stock" else {})
                )
                insert = f"INSERT INTO public.{table} SELECT * FROM jsonb_populate_record(NULL::public.{table}, %s)"  # noqa: S608
                there.execute(insert, [json.dumps(new)])


def _url(own: Instance, name: str) -> str:
    return f"{postgres_url(own).rpartition('/')[0]}/{name}"


def of_sql(pgbench: str, own: Instance, scripts: Mapping[str, Path], orders: int) -> float:
    """Orders a second by pgbench: as many in each of the four databases, all at once, until the last has ended."""
    began = time.perf_counter()
    running = [
        subprocess.Popen(
            [pgbench, "-n", "-f", str(file), "-c", str(CLIENTS), "-j", "1", "-t", str(orders // CLIENTS), _url(own, name)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name, file in scripts.items()
    ]  # fmt: skip
    for each in running:
        said, complaint = each.communicate()
        if each.returncode or "failed transactions: 0 " not in said:
            raise LauncherError(f"pgbench failed:\n{said}{complaint[-2000:]}")
    return orders // CLIENTS * CLIENTS / (time.perf_counter() - began)


def of_messages(instance: Instance, messages: Sequence[KafkaMessage], orders: int) -> float:
    """Orders a second by a producer that writes their messages, until Kafka has the last one."""
    producer = kafka.producer(kafka_address(instance), TOPIC)
    ready = [(each.value(), each.headers()) for each in messages]
    began = time.perf_counter()
    for _ in range(orders):
        key = str(uuid.uuid4())
        for value, headers in ready:
            producer.produce(TOPIC, value, key, headers=headers)
        producer.poll(0)
    producer.flush(60)
    return orders / (time.perf_counter() - began)


@contextmanager
def topic(instance: Instance) -> Iterator[None]:
    """A topic of its own meanwhile."""
    admin = AdminClient({"bootstrap.servers": kafka_address(instance)})
    made = admin.create_topics([NewTopic(TOPIC, num_partitions=PARTITIONS, replication_factor=1)])
    made[TOPIC].result(30)
    try:
        yield
    finally:
        admin.delete_topics([TOPIC])[TOPIC].result(30)


def in_turn(
    instance: Instance, anatomy: Anatomy, pgbench: str, chosen: argparse.Namespace
) -> Iterator[tuple[float, float, float]]:
    """Ours, the SQL and the messages, one right after the other."""
    with copies(instance, anatomy) as (own, scripts), topic(instance):
        for number in range(chosen.pairs):
            seen = run(measure(Shop.of(instance), of_our_own(chosen.buyers), chosen.seconds, results.load))
            sql = of_sql(pgbench, own, scripts, chosen.orders)
            messages = of_messages(instance, anatomy.messages, chosen.orders)
            print(
                f"round {number + 1}: ours {seen.rate:.1f}, SQL {sql:.1f}, messages {messages:.1f} orders a second,"
                f" load {results.load()}",
                flush=True,
            )
            yield seen.rate, sql, messages


def compared(anatomy: Anatomy, rounds: Sequence[tuple[float, float, float]], load: float) -> results.Row:
    """Medians; the part of the limit that ours is, is the median of the rounds' parts."""
    limits = [1 / (1 / sql + 1 / messages) for _, sql, messages in rounds]
    parts = [100 * each[0] / limit for each, limit in zip(rounds, limits, strict=True)]
    return {
        "statements": sum(map(len, anatomy.statements.values())),
        "messages": len(anatomy.messages),
        "ours_a_second": results.median([each[0] for each in rounds]),
        "sql_a_second": results.median([each[1] for each in rounds]),
        "messages_a_second": results.median([each[2] for each in rounds]),
        "limit_a_second": results.median(limits),
        "ours_per_cent": results.median(parts),
        "spread": results.spread(parts),
        "load": load,
    }


def main() -> None:
    """Take an order apart, measure in turn, print."""
    parser = results.options(__doc__)
    parser.add_argument("--buyers", type=int, default=32, help="of ours")
    parser.add_argument("--pairs", type=int, default=3, help="rounds")
    parser.add_argument("--seconds", type=float, default=8.0, help="how long our buyers buy")
    parser.add_argument("--orders", type=int, default=2000, help="how many pgbench and the producer do")
    chosen = parser.parse_args()
    instance = Instance(chosen.port_offset)
    with_users(instance, chosen.buyers)
    with results.in_one_line():
        pgbench = str(postgres.program("pgbench"))
        load = results.load()
        anatomy = taken_apart(instance)
        counts = {name: len(found) for name, found in anatomy.statements.items()}
        print(f"one order: statements {counts}, {len(anatomy.messages)} messages", flush=True)
        row = compared(anatomy, list(in_turn(instance, anatomy, pgbench, chosen)), load)
    results.save(chosen.json, [row])
    sys.exit(check(instance))


if __name__ == "__main__":
    main()
