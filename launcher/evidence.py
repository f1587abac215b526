"""What the stores say, read for `manage_all.py check`: by statement, from outside, changing nothing."""

import json
import subprocess
from collections.abc import Mapping
from typing import Any

import psycopg
from confluent_kafka import Consumer, TopicPartition
from pymongo import MongoClient
from pymongo.collection import Collection

from launcher.addresses import database_url, kafka_address
from launcher.errors import LauncherError
from launcher.instance import Instance
from launcher.migrations import django_command
from launcher.services import environment
from launcher.system import SERVICES, Service, service, with_postgres

Rows = list[tuple[Any, ...]]
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
    return {owner.name: int(ask(instance, owner.name, query)[0][0]) for owner in with_postgres()}


def lag(instance: Instance) -> Mapping[str, int]:
    """Messages that each consumer group has not taken yet; a group that never committed has taken none."""
    return {owner.name: _lag_of(instance, owner) for owner in SERVICES if "consumer" in owner.roles}


def _lag_of(instance: Instance, owner: Service) -> int:
    settings = {
        "bootstrap.servers": kafka_address(instance),
        "group.id": owner.name,
        "enable.auto.commit": False,
    }
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
            if place.offset >= 0:  # never committed: not a topic of this group
                behind += max(0, consumer.get_watermark_offsets(place, timeout=TIMEOUT)[1] - place.offset)
        return behind
    finally:
        consumer.close()
