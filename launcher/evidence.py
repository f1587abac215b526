"""What the stores say, read for `manage_all.py check`: by statement, from outside, changing nothing."""

import base64
import heapq
import json
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from itertools import groupby, islice
from operator import itemgetter
from typing import Any

import psycopg
from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, ConsumerGroupDescription
from pymongo import MongoClient
from pymongo.collection import Collection
from pymongo.errors import ConnectionFailure
from redis import Redis
from redis.exceptions import RedisError

from launcher.addresses import database_url, kafka_address, port_of
from launcher.errors import LauncherError
from launcher.instance import Instance
from launcher.migrations import django_command
from launcher.services import environment
from launcher.system import SERVICES, Service, service, with_postgres

ON_MONGODB = tuple(each for each in SERVICES if each.database == "mongod" and each.writes)
STORE_AWAY = (psycopg.OperationalError, ConnectionFailure, KafkaException, RedisError)
Rows = list[tuple[Any, ...]]
Place = tuple[str, int]  # topic and partition
AT_ONCE = 2000  # rows that are in memory of what may be many
CONNECT_TIMEOUT = 30  # seconds
TIMEOUT = 10  # seconds for one question to Kafka
PATIENCE = 60  # seconds for all of them, again and again


def ask(instance: Instance, owner: str, query: str, *values: object) -> Rows:
    """The rows that `query` finds in the database of the service `owner`."""
    with psycopg.connect(
        database_url(service(owner), instance), connect_timeout=CONNECT_TIMEOUT
    ) as connection:
        return connection.execute(query, values or None).fetchall()


@contextmanager
def stream(instance: Instance, owner: str, query: str) -> Iterator[Iterator[tuple[Any, ...]]]:
    """The same row by row, however many there are: some are read ahead, and none is kept."""
    with psycopg.connect(
        database_url(service(owner), instance), connect_timeout=CONNECT_TIMEOUT
    ) as connection:
        # The service's own limit: between two pieces the others are read.
        connection.execute("SET idle_in_transaction_session_timeout = 0")
        with connection.cursor(name="rows") as cursor:
            cursor.itersize = AT_ONCE
            cursor.execute(query)
            yield iter(cursor)


@dataclass(frozen=True)
class Life:
    """What the services say of one order."""

    id: str
    order: tuple[Any, ...] | None = None  # status, customer's id
    lines: Mapping[str, int] = field(default_factory=dict)  # product -> quantity, as ordered
    saga: tuple[Any, ...] | None = None  # status, whether it is stuck, step
    reservation: tuple[Any, ...] | None = None  # state, product -> quantity
    told: Mapping[str, int] = field(default_factory=dict)  # event -> how often


def tables(services: Iterable[Service]) -> dict[str, tuple[str, str]]:
    """Part of a life -> whose it is, and how it is read: by the order's id, in the order of ids. Raises LauncherError."""
    found = {
        part: (owner.name, query) for owner in services for part, query in owner.evidence.of_orders.items()
    }
    if unknown := found.keys() - {each.name for each in fields(Life)}:
        raise LauncherError(
            f"A service declares of orders what nobody compares: {', '.join(sorted(unknown))}.",
            "Each part of an order's life is a field of `Life` (launcher/evidence.py), and launcher/invariants.py compares it.",
        )
    return found


TABLES = tables(SERVICES)


def lives(instance: Instance) -> Iterator[Life]:
    """Every order that any service knows of."""
    with ExitStack() as stack:
        yield from merged(
            {
                part: stack.enter_context(stream(instance, owner, query))
                for part, (owner, query) in TABLES.items()
            }
        )


def merged(tables: Mapping[str, Iterable[tuple[Any, ...]]]) -> Iterator[Life]:
    """One life for each id that any of these tables has. Each is in the order of its first column, an order's id."""
    rows = heapq.merge(*(_parts(part, table) for part, table in tables.items()), key=itemgetter(0))
    for order_id, parts in groupby(rows, key=itemgetter(0)):
        yield Life(order_id, **{part: value for _, part, value in parts})


def _parts(part: str, table: Iterable[tuple[Any, ...]]) -> Iterator[tuple[str, str, Any]]:
    for order_id, *rest in table:
        yield str(order_id), part, rest[0] if part in ("lines", "told") else tuple(rest)


def _number(instance: Instance, owner: Service, query: str) -> int:
    ((number,),) = ask(instance, owner.name, query)
    return int(number)


def under_way(instance: Instance) -> int:
    """Orders and sagas that go on by themselves."""
    return sum(
        _number(instance, owner, owner.evidence.under_way) for owner in SERVICES if owner.evidence.under_way
    )


def violations_of(instance: Instance, owner: Service) -> Iterator[tuple[str, str]]:
    """What the service finds wrong by statements: an invariant, and a sentence for each violation."""
    for name, query in owner.evidence.invariants.items():
        yield from ((name, sentence) for (sentence,) in ask(instance, owner.name, query))


def checked_itself(instance: Instance, owner: Service) -> Iterator[tuple[str, str]]:
    """What the service's own command finds wrong, in the same way. Raises LauncherError where it cannot look."""
    if not owner.evidence.checks_itself:
        return
    done = subprocess.run(
        django_command(owner, "invariants"),
        cwd=instance.root,
        env=environment(owner, instance),
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        found = json.loads(done.stdout)
    except ValueError as error:
        raise LauncherError(f"The {owner.name} service cannot check itself.", done.stderr[-1000:]) from error
    for violation in found["violations"]:
        yield owner.evidence.checks_itself, json.dumps(violation, default=str)


def unsent(instance: Instance) -> dict[str, int]:
    """Messages that wait in each service's outbox."""
    query = "SELECT count(*) FROM messaging_outboxmessage WHERE sent_at IS NULL"
    counts = {owner.name: _number(instance, owner, query) for owner in with_postgres()}
    for owner in ON_MONGODB:
        with _outbox(owner, instance) as outbox:
            counts[owner.name] = outbox.count_documents({"sent_at": None})
    return counts


@contextmanager
def _outbox(owner: Service, instance: Instance) -> Iterator[Collection[dict[str, Any]]]:
    client: MongoClient[dict[str, Any]]
    address = database_url(owner, instance)
    with MongoClient(address, serverSelectionTimeoutMS=1000 * CONNECT_TIMEOUT) as client:
        yield client.get_default_database()["messaging_outboxmessage"]


def _heard() -> Mapping[str, tuple[str, ...]]:
    """Who must have handled a message of a type; who has only Redis remembers ids in another way."""
    found: dict[str, tuple[str, ...]] = {}
    for owner in with_postgres():
        for kind in owner.listens_to:
            found[kind] = (*found.get(kind, ()), owner.name)
    return found


HEARD = _heard()
SENT_LATELY = """
    SELECT message_id::text, headers ->> 'ce_type' FROM messaging_outboxmessage
    WHERE sent_at > now() - interval '1 hour'
"""
NOT_IN_INBOX = """
    SELECT id FROM unnest(%s::text[]) AS id
    WHERE NOT EXISTS (SELECT 1 FROM messaging_inboxmessage WHERE message_id = id)
"""


def unhandled(instance: Instance) -> list[str]:
    """Messages of the last hour that were sent and that a service that must know them does not know."""
    given_up = _given_up(instance)
    sent = _sent_lately(instance)
    found: list[str] = []
    while some := dict(islice(sent, AT_ONCE)):
        found += _unhandled_of(instance, some, given_up)
    return found


def _unhandled_of(instance: Instance, sent: Mapping[str, str], given_up: set[str]) -> Iterator[str]:
    """Of some messages, each an id with its type."""
    for listener in sorted({each for kind in sent.values() for each in HEARD.get(kind, ())}):
        wanted = [message_id for message_id, kind in sent.items() if listener in HEARD.get(kind, ())]
        for (message_id,) in ask(instance, listener, NOT_IN_INBOX, wanted):
            if message_id not in given_up:
                yield f"{sent[message_id]} {message_id} was sent, and {listener} never handled it"


def _given_up(instance: Instance) -> set[str]:
    """The ids of all dead letters."""
    found = [
        row
        for owner in SERVICES
        if owner.evidence.dead_letters
        for row in ask(instance, owner.name, owner.evidence.dead_letters.headers)
    ]
    return {
        base64.b64decode(value).decode(errors="replace")
        for (headers,) in found
        for name, value in headers
        if name == "ce_id" and value
    }


def _sent_lately(instance: Instance) -> Iterator[tuple[str, str]]:
    for owner in with_postgres():
        with stream(instance, owner.name, SENT_LATELY) as rows:
            yield from rows
    lately = {"sent_at": {"$gt": datetime.now(UTC) - timedelta(hours=1)}}
    for owner in ON_MONGODB:
        with _outbox(owner, instance) as outbox:
            for each in outbox.find(lately, {"headers": 1}):
                yield each["headers"]["ce_id"], each["headers"]["ce_type"]


def parked(instance: Instance) -> dict[str, int]:
    """Messages that failed and wait for another try, by service."""
    query = "SELECT count(*) FROM messaging_parkedmessage"
    counts = {owner.name: _number(instance, owner, query) for owner in with_postgres()}
    for owner in SERVICES:
        for what, waiting in owner.evidence.waits.items():
            counts[what] = _number(instance, owner, waiting)
        if owner.evidence.parked_in_redis:
            with Redis(port=port_of(instance, "redis"), db=owner.redis) as redis:
                counts[owner.name] = int(redis.zcard(owner.evidence.parked_in_redis))
    return counts


def dead_letters(instance: Instance) -> list[str]:
    """What waits for a manager: of which topic, given up by whom and why."""
    return [
        f"{topic}, given up by {giver}: {error}"
        for owner in SERVICES
        if owner.evidence.dead_letters
        for topic, giver, error in ask(instance, owner.name, owner.evidence.dead_letters.waiting)
    ]


def lag(instance: Instance) -> Mapping[str, int]:
    """Messages that each consumer group has not taken yet. Raises LauncherError where Kafka does not say."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            return _lag(instance)
        except KafkaException as error:  # a broker that was just started loads its groups first
            if time.monotonic() > until:
                raise LauncherError(f"Kafka cannot be asked about its consumers: {error}") from error
        time.sleep(1)


def _lag(instance: Instance) -> Mapping[str, int]:
    admin = AdminClient({"bootstrap.servers": kafka_address(instance)})
    groups = [owner.name for owner in SERVICES if "consumer" in owner.roles]
    found = admin.describe_consumer_groups(groups, request_timeout=TIMEOUT)
    return {group: _lag_of(instance, group, _places_of(found[group].result())) for group in groups}


def _places_of(group: ConsumerGroupDescription) -> set[Place]:
    """What the group's members take messages from: all of it counts, before they have committed anything too."""
    return {
        (place.topic, place.partition)
        for member in group.members
        for place in member.assignment.topic_partitions
    }


def _lag_of(instance: Instance, group: str, subscribed: set[Place]) -> int:
    settings = {"bootstrap.servers": kafka_address(instance), "group.id": group, "enable.auto.commit": False}
    consumer = Consumer(settings)
    try:
        topics = consumer.list_topics(timeout=TIMEOUT).topics
        places = [
            TopicPartition(name, number)
            for name, topic in topics.items()
            if not name.startswith("__")
            for number in topic.partitions
        ]
        behind = 0
        for place in consumer.committed(places, timeout=TIMEOUT):
            if place.offset >= 0 or (place.topic, place.partition) in subscribed:
                low, high = consumer.get_watermark_offsets(place, timeout=TIMEOUT)
                behind += max(0, high - max(place.offset, low))
        return behind
    finally:
        consumer.close()
