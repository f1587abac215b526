"""What the stores have done so far: statements, commits, rows and connections in PostgreSQL, messages in Kafka, commands in Redis."""

import contextlib
import re
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
from confluent_kafka import Consumer, TopicPartition
from redis import Redis

from tests.system.records import ON_POSTGRESQL

Counts = Counter[str]  # `order statements`, `redis commands`, `order.events messages`
MARK = "counted"
# Written while they are counted, and no longer: (setting, value).
TOLD = (("log_statement", "all"), ("log_line_prefix", f"{MARK} %d "))
STATEMENT = re.compile(rf"^{MARK} (\w+) LOG:  (?:statement|execute [^:]*): ", re.MULTILINE)
# A back end that has nothing to do tells what it has done after ten seconds at the latest (PGSTAT_IDLE_INTERVAL).
TOLD_WITHIN = 11.0
DONE = "SELECT datname, xact_commit, sessions FROM pg_stat_database WHERE datname = ANY(%s)"
# Of the services' own tables: autovacuum writes into PostgreSQL's when it likes.
ROWS = "SELECT sum(n_tup_ins + n_tup_upd + n_tup_del)::bigint FROM pg_stat_user_tables"


class Counters:
    """The counters of one platform."""

    def __init__(self, urls: dict[str, str], log: Path) -> None:
        self._postgres = psycopg.connect(urls["postgres"], autocommit=True)
        # Opened before anything is counted, and kept: a connection is counted, too.
        self._databases = {
            owner: psycopg.connect(f"{urls['postgres'].rpartition('/')[0]}/{owner}", autocommit=True)
            for owner in ON_POSTGRESQL
        }
        self._redis: Redis = Redis.from_url(urls["redis"], decode_responses=True)
        self._kafka = Consumer({"bootstrap.servers": urls["kafka"], "group.id": "counting"})
        self._log, self._read_until = log, 0
        self._statements: Counts = Counter()

    @contextlib.contextmanager
    def counting(self) -> Iterator[None]:
        """PostgreSQL writes each statement into its log meanwhile."""
        self._read_until = self._log.stat().st_size
        self._set(*(f"ALTER SYSTEM SET {name} = '{value}'" for name, value in TOLD))
        try:
            yield
        finally:
            self._set(*(f"ALTER SYSTEM RESET {name}" for name, _ in TOLD))
            self._kafka.close()
            self._redis.close()
            for each in (self._postgres, *self._databases.values()):
                each.close()

    def _set(self, *statements: str) -> None:
        for statement in statements:
            self._postgres.execute(statement)
        self._postgres.execute("SELECT pg_reload_conf()")

    def look(self) -> Counts:
        """Everything, once everybody has told what they did."""
        time.sleep(TOLD_WITHIN)
        return Counts({**self._of_log(), **self._of_postgres(), **self._of_redis(), **self._of_kafka()})

    def _of_log(self) -> Counts:
        with self._log.open(errors="replace") as log:
            log.seek(self._read_until)
            said = log.read()
            self._read_until = log.tell()
        self._statements.update(f"{name} statements" for name in STATEMENT.findall(said))
        return self._statements

    def _of_postgres(self) -> Counts:
        found = Counts()
        for name, commits, sessions in self._postgres.execute(DONE, [list(ON_POSTGRESQL)]):
            found[f"{name} commits"] = commits
            found["postgres connections"] += sessions
        for name, database in self._databases.items():
            ((found[f"{name} rows"],),) = database.execute(ROWS).fetchall()
        return found

    def _of_redis(self) -> Counts:
        commands: dict[str, Any] = self._redis.info("commandstats")  # type: ignore[assignment]
        stats: dict[str, Any] = self._redis.info("stats")  # type: ignore[assignment]
        return Counter(
            {
                "redis commands": sum(each["calls"] for each in commands.values()),
                "redis connections": stats["total_connections_received"],
            }
        )

    def _of_kafka(self) -> Counts:
        found = Counts()
        for name, topic in self._kafka.list_topics(timeout=30).topics.items():
            for partition in () if name.startswith("__") else topic.partitions:
                end = self._kafka.get_watermark_offsets(TopicPartition(name, partition), timeout=30)[1]
                found[f"{name} messages"] += end
        return found
