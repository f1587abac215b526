"""What the stores say, read for `manage_all.py check`: by statement, from outside, changing nothing."""

import json
import subprocess
from collections.abc import Mapping
from typing import Any

import psycopg
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, ConsumerGroupDescription
from pymongo import MongoClient
from pymongo.collection import Collection
from redis import Redis

from launcher.addresses import database_url, kafka_address, port_of
from launcher.errors import LauncherError
from launcher.instance import Instance
from launcher.migrations import django_command
from launcher.services import environment
from launcher.system import SERVICES, service, with_postgres

Rows = list[tuple[Any, ...]]
Place = tuple[str, int]  # topic and partition
TIMEOUT = 10  # seconds for one question to Kafka


def ask(instance: Instance, owner: str, query: str) -> Rows:
    """The rows that `query` finds in the database of the service `owner`."""
    with psycopg.connect(database_url(service(owner), instance), connect_timeout=5) as connection:
        return connection.execute(query).fetchall()


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
    client: MongoClient[dict[str, Any]]
    with MongoClient(database_url(service("product"), instance), serverSelectionTimeoutMS=5000) as client:
        outbox: Collection[dict[str, Any]] = client.get_default_database()["messaging_outboxmessage"]
        counts["product"] = outbox.count_documents({"sent_at": None})
    return counts


def parked(instance: Instance) -> dict[str, int]:
    """Messages that failed and wait for another try, by service."""
    query = "SELECT count(*) FROM messaging_parkedmessage"
    counts = {owner.name: int(ask(instance, owner.name, query)[0][0]) for owner in with_postgres()}
    with Redis(port=port_of(instance, "redis"), db=service("basket").redis) as baskets:
        counts["basket"] = int(baskets.zcard("parked"))
    return counts


def dead_letters(instance: Instance) -> list[str]:
    """What waits for a manager: how many of which topic, given up by whom and why."""
    query = """
        SELECT count(*), topic, service, split_part(error, E'\\n', 1) FROM saga_deadletter
        WHERE status = 'waiting' GROUP BY 2, 3, 4 ORDER BY 2, 3, 4
    """
    return [
        f"{count} of {topic}, given up by {owner}: {error}"
        for count, topic, owner, error in ask(instance, "saga", query)
    ]


def lag(instance: Instance) -> Mapping[str, int]:
    """Messages that each consumer group has not taken yet."""
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
