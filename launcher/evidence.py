"""What the stores say, read for `manage_all.py check`: by statement, from outside, changing nothing."""

import base64
import json
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
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
from launcher.system import SERVICES, service, with_postgres

STORE_AWAY = (psycopg.OperationalError, ConnectionFailure, KafkaException, RedisError)
Rows = list[tuple[Any, ...]]
Place = tuple[str, int]  # topic and partition
CONNECT_TIMEOUT = 30  # seconds
TIMEOUT = 10  # seconds for one question to Kafka
PATIENCE = 60  # seconds for all of them, again and again


def ask(instance: Instance, owner: str, query: str, *values: object) -> Rows:
    """The rows that `query` finds in the database of the service `owner`."""
    with psycopg.connect(
        database_url(service(owner), instance), connect_timeout=CONNECT_TIMEOUT
    ) as connection:
        return connection.execute(query, values or None).fetchall()


def by_order(instance: Instance, owner: str, query: str) -> dict[str, tuple[Any, ...]]:
    """The same by its first column, which is an order's id."""
    return {str(order_id): tuple(rest) for order_id, *rest in ask(instance, owner, query)}


def stock_invariants(instance: Instance) -> list[str]:
    """What the stock service itself finds wrong, in words."""
    owner = service("stock")
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
        raise LauncherError("The stock service cannot check itself.", done.stderr[-1000:]) from error
    return [json.dumps(violation, default=str) for violation in found["violations"]]


def unsent(instance: Instance) -> dict[str, int]:
    """Messages that wait in each service's outbox."""
    query = "SELECT count(*) FROM messaging_outboxmessage WHERE sent_at IS NULL"
    counts = {owner.name: int(ask(instance, owner.name, query)[0][0]) for owner in with_postgres()}
    with _outbox_of_products(instance) as outbox:
        counts["product"] = outbox.count_documents({"sent_at": None})
    return counts


@contextmanager
def _outbox_of_products(instance: Instance) -> Iterator[Collection[dict[str, Any]]]:
    client: MongoClient[dict[str, Any]]
    address = database_url(service("product"), instance)
    with MongoClient(address, serverSelectionTimeoutMS=1000 * CONNECT_TIMEOUT) as client:
        yield client.get_default_database()["messaging_outboxmessage"]


# Who must have handled a message of a type (contract.md section 5); baskets remember ids in another way.
HEARD: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("product.created.v1", "product.updated.v1", "product.archived.v1"), ("order", "stock")),
    **dict.fromkeys(("order.submitted.v1", "order.cancellation-requested.v1"), ("saga",)),
    **dict.fromkeys(
        ("order.confirmed.v1", "order.rejected.v1", "order.cancelled.v1"), ("saga", "notification")
    ),
    **dict.fromkeys(("order.shipped.v1", "order.delivered.v1"), ("notification",)),
    **dict.fromkeys(("order.confirm.v1", "order.reject.v1", "order.cancel.v1"), ("order",)),
    **dict.fromkeys(("stock.reserve.v1", "stock.commit.v1", "stock.release.v1"), ("stock",)),
    **dict.fromkeys(
        ("stock.reserved.v1", "stock.rejected.v1", "stock.committed.v1", "stock.released.v1"), ("saga",)
    ),
}
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
    wanted: dict[str, dict[str, str]] = {}
    for message_id, kind in _sent_lately(instance):
        for listener in HEARD.get(kind, ()):
            wanted.setdefault(listener, {})[message_id] = kind
    given_up = _given_up(instance)
    return [
        f"{kinds[message_id]} {message_id} was sent, and {listener} never handled it"
        for listener, kinds in wanted.items()
        for (message_id,) in ask(instance, listener, NOT_IN_INBOX, list(kinds))
        if message_id not in given_up
    ]


def _given_up(instance: Instance) -> set[str]:
    """The ids of all dead letters."""
    found = ask(instance, "saga", "SELECT headers FROM saga_deadletter")
    return {
        base64.b64decode(value).decode(errors="replace")
        for (headers,) in found
        for name, value in headers
        if name == "ce_id" and value
    }


def _sent_lately(instance: Instance) -> Iterator[tuple[Any, ...]]:
    for owner in with_postgres():
        yield from ask(instance, owner.name, SENT_LATELY)
    with _outbox_of_products(instance) as outbox:
        lately = {"sent_at": {"$gt": datetime.now(UTC) - timedelta(hours=1)}}
        for each in outbox.find(lately, {"headers": 1}):
            yield each["headers"]["ce_id"], each["headers"]["ce_type"]


ORDERED = "SELECT order_id, product_id, sum(quantity)::int FROM order_orderline GROUP BY 1, 2"
HELD_OR_SOLD = """
    SELECT order_id, line.key, line.value::int FROM stock_reservation, jsonb_each_text(lines) AS line
    WHERE state IN ('held', 'committed')
"""


def other_lines(instance: Instance) -> list[str]:
    """Orders for which something else is held or sold than was ordered: more, less or half of it."""
    sold, ordered = _lines(instance, "stock", HELD_OR_SOLD), _lines(instance, "order", ORDERED)
    return [
        f"order {order_id} is for {ordered.get(order_id)}; held or sold for it is {lines}"
        for order_id, lines in sold.items()
        if ordered.get(order_id) != lines
    ]


def _lines(instance: Instance, owner: str, query: str) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for order_id, product, quantity in ask(instance, owner, query):
        found.setdefault(str(order_id), {})[product] = quantity
    return found


def parked(instance: Instance) -> dict[str, int]:
    """Messages that failed and wait for another try, by service."""
    query = "SELECT count(*) FROM messaging_parkedmessage"
    counts = {owner.name: int(ask(instance, owner.name, query)[0][0]) for owner in with_postgres()}
    counts["saga, as events"] = int(ask(instance, "saga", "SELECT count(*) FROM saga_sagaevent")[0][0])
    with Redis(port=port_of(instance, "redis"), db=service("basket").redis) as baskets:
        counts["basket"] = int(baskets.zcard("parked"))
    return counts


def dead_letters(instance: Instance) -> list[str]:
    """What waits for a manager: of which topic, given up by whom and why.

    Each once: a consumer that has to read its topics anew gives up again what it gave up before.
    """
    query = """
        SELECT DISTINCT topic, service, split_part(error, E'\\n', 1) FROM saga_deadletter
        WHERE status = 'waiting' ORDER BY 1, 2, 3
    """
    return [f"{topic}, given up by {owner}: {error}" for topic, owner, error in ask(instance, "saga", query)]


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
