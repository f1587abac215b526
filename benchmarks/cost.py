"""What one order costs, of everything: processor time, memory, rows, WAL, messages, bytes on disk, by process and by store.

    .venv/bin/python -m benchmarks.cost [--buyers 1,8,32] [--seconds 30] [--port-offset N] [--out benchmarks/costs.json]

The buyers of benchmarks.orders, on a platform that runs on this machine; every counter is read where their seconds begin
and again when the last of them was told. The file is what benchmarks.scaling reads. Nothing is asked of the platform
that it does not say by itself: /proc, pg_stat_…, INFO, serverStatus, the log of each consumer, the files of Kafka.
"""

import json
import os
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg
from pymongo import MongoClient
from redis import Redis

from benchmarks import results
from benchmarks.orders import Seen, Shop, cpu_seconds, measure, of_our_own, run, with_users
from launcher.addresses import mongodb_url, port_of, postgres_url
from launcher.families import family
from launcher.instance import ROOT, Instance
from launcher.memory import memory_by_group
from launcher.platform import processes
from launcher.stores import kafka
from launcher.system import with_postgres

OUT = ROOT / "benchmarks" / "costs.json"
MIB = 1024 * 1024
BATCH = re.compile(r"message handled .*?(?:batch=(\d+))?\s+duration_ms")
# A back end's title names its user, its database and its client's address.
BACKEND = re.compile(r"postgres: \w+ (\w+) \S+\(\d+\)")
Key = tuple[str, ...]
Counters = dict[Key, float]

ROWS = (
    "SELECT relname, n_tup_ins, n_tup_upd, n_tup_del, pg_total_relation_size(relid) FROM pg_stat_user_tables"
)
WAL = """
    SELECT datname, sum(wal.wal_bytes) FROM pg_stat_activity AS backend,
    LATERAL pg_stat_get_backend_wal(backend.pid) AS wal WHERE datname IS NOT NULL GROUP BY datname
"""


def look(instance: Instance) -> Counters:
    """Everything that is counted, as it stands now."""
    found = dict(_of_processes(instance))
    for part in (_of_machine, _of_postgres, _of_redis, _of_mongodb, _of_kafka, _of_logs):
        found.update(part(instance))
    return found


def _of_processes(instance: Instance) -> Iterator[tuple[Key, float]]:
    for name, seconds in cpu_seconds(instance).items():
        yield ("cpu_ms", name), 1000 * seconds
    yield ("cpu_ms", "the buyers"), 1000 * sum(psutil.Process().cpu_times()[:2])
    head = next(each["pid"] for each in processes(instance) if each["name"] == "postgres")
    spent: dict[str, float] = defaultdict(float)
    for process in family(head):
        backend = BACKEND.match(" ".join(process.cmdline()))
        spent[backend[1] if backend else "the server's own"] += sum(process.cpu_times()[:2])
    for database, seconds in spent.items():
        yield ("postgres", database, "cpu_ms"), 1000 * seconds


def _of_machine(_: Instance) -> Iterator[tuple[Key, float]]:
    """All of this machine's, and what its host took away."""
    times = psutil.cpu_times()
    busy = times.user + times.nice + times.system + times.irq + times.softirq
    yield ("machine", "busy_ms"), 1000 * busy
    yield ("machine", "stolen_ms"), 1000 * times.steal


def _of_postgres(instance: Instance) -> Iterator[tuple[Key, float]]:
    with psycopg.connect(postgres_url(instance), autocommit=True) as connection:
        connection.execute("SELECT pg_stat_force_next_flush()")
        for database, commits in connection.execute(
            "SELECT datname, xact_commit FROM pg_stat_database WHERE datname IS NOT NULL"
        ).fetchall():
            yield ("postgres", database, "commits"), float(commits)
        for database, written in connection.execute(WAL).fetchall():
            yield ("postgres", database, "wal_bytes"), float(written)
    for owner in with_postgres():
        with psycopg.connect(postgres_url(instance, owner.name)) as connection:
            for table, *numbers in connection.execute(ROWS).fetchall():
                for what, number in zip(("inserted", "updated", "deleted", "bytes"), numbers, strict=True):
                    yield ("postgres", owner.name, "tables", table, what), float(number)


def _of_redis(instance: Instance) -> Iterator[tuple[Key, float]]:
    with Redis(port=port_of(instance, "redis"), decode_responses=True) as client:
        stats: dict[str, Any] = client.info("commandstats")
        for name, about in stats.items():
            yield ("redis", "commands", name.removeprefix("cmdstat_")), float(about["calls"])
        memory: dict[str, Any] = client.info("memory")
        yield ("redis", "memory_bytes"), float(memory["used_memory"])


def _of_mongodb(instance: Instance) -> Iterator[tuple[Key, float]]:
    client: MongoClient[dict[str, Any]]
    with MongoClient(mongodb_url(instance)) as client:
        for name, count in client.admin.command("serverStatus")["opcounters"].items():
            if isinstance(count, int):  # there are words on deprecated ones among them
                yield ("mongodb", "operations", name), float(count)


def _of_kafka(instance: Instance) -> Iterator[tuple[Key, float]]:
    """Bytes of each topic's log files: batches as they were written, headers and all."""
    for directory in (instance.data / kafka.NAME).glob("*-*"):
        topic = directory.name.rpartition("-")[0]
        yield ("kafka_files", topic, directory.name), float(sum(_sizes(directory)))


def _sizes(directory: Path) -> Iterator[int]:
    return (file.stat().st_size for file in directory.glob("*.log"))


def _of_logs(instance: Instance) -> Iterator[tuple[Key, float]]:
    """How many messages each consumer has handled, and in how many transactions."""
    for log in instance.logs.glob("*-consumer.log"):
        found = [int(batch or 1) for batch in BATCH.findall(log.read_text(errors="replace"))]
        yield ("handled", log.stem, "messages"), float(len(found))
        yield ("handled", log.stem, "transactions"), sum(1 / size for size in found)


def cost(seen: Seen[Counters], buyers: int, memory: dict[str, float], load: float) -> dict[str, Any]:
    """One measurement as the file has it: every counter's difference, an order's part of it."""
    spent = {key: value - seen.before.get(key, 0.0) for key, value in seen.after.items()}
    kafka_bytes: dict[str, float] = defaultdict(float)
    found: dict[str, Any] = {
        "buyers": buyers,
        "orders": seen.orders,
        "seconds": round(seen.seconds, 2),
        "orders_a_second": round(seen.orders / seen.seconds, 2),
        "load": [round(load, 1), round(os.getloadavg()[0], 1)],
        "cores_of_others": round(_of_others(spent, seen.seconds), 2),
        "answered_ms": _percentiles(seen.measured.answered),
        "pushed_ms": _percentiles(seen.measured.pushed),
        "memory_mib": memory,
    }
    for key, value in sorted(spent.items()):
        if key[0] == "kafka_files":
            kafka_bytes[key[1]] += value / seen.orders
        elif key[0] != "machine" and round(value / seen.orders, 3):
            _put(found, key, round(value / seen.orders, 3))
    found["kafka_bytes"] = {topic: round(size) for topic, size in kafka_bytes.items() if round(size)}
    return found


def _of_others(spent: Counters, seconds: float) -> float:
    """Cores that did something else meanwhile, or were not ours at all."""
    ours = sum(value for key, value in spent.items() if key[0] == "cpu_ms")
    return max(0.0, spent["machine", "busy_ms"] + spent["machine", "stolen_ms"] - ours) / 1000 / seconds


def _put(found: dict[str, Any], key: Key, value: float) -> None:
    for part in key[:-1]:
        found = found.setdefault(part, {})
    found[key[-1]] = value


def _percentiles(values: list[float]) -> dict[str, float]:
    return dict(zip(("p50", "p99"), results.cuts(values), strict=True))


def _memory(instance: Instance) -> dict[str, float]:
    """Process -> MiB that it and what it has started really take."""
    pids = {each["pid"]: str(each["name"]) for each in processes(instance) if each["pid"]}
    return {pids[pid]: round(size / MIB, 1) for pid, size in sorted(memory_by_group(pids).items())}


def row(size: dict[str, Any]) -> results.Row:
    """The little of a measurement that a table has room for."""
    return {
        "buyers": size["buyers"],
        "orders_a_second": size["orders_a_second"],
        "pushed_p50_ms": size["pushed_ms"]["p50"],
        "pushed_p99_ms": size["pushed_ms"]["p99"],
        "cpu_ms": round(sum(value for name, value in size["cpu_ms"].items() if name != "the buyers"), 1),
        "commits": round(sum(each.get("commits", 0) for each in size["postgres"].values()), 1),
        "load": size["load"][0],
    }


def main() -> None:
    """Measure each number of buyers and write the file."""
    parser = results.options(__doc__)
    parser.add_argument("--buyers", default="1,8,32", help="how many at once, one measurement for each")
    parser.add_argument("--seconds", type=float, default=30.0, help="how long each measurement takes")
    parser.add_argument("--out", type=Path, default=OUT)
    chosen = parser.parse_args()
    instance = Instance(chosen.port_offset)
    rounds = results.whole_numbers(chosen.buyers)
    with_users(instance, max(rounds))
    sizes = []
    for buyers in rounds:
        load = os.getloadavg()[0]
        users = of_our_own(buyers)
        seen = run(measure(Shop.of(instance), users, chosen.seconds, lambda: look(instance)))
        sizes.append(cost(seen, buyers, _memory(instance), load))
        print(f"{buyers} buyers: {sizes[-1]['orders_a_second']} orders a second, load {sizes[-1]['load']}")
    chosen.out.write_text(json.dumps({**results.about(), "sizes": sizes}, indent=1) + "\n")
    results.save(chosen.json, [row(size) for size in sizes])


if __name__ == "__main__":
    main()
