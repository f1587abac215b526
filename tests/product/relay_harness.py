"""What the relay's tests need: a topic of their own, messages for it, a relay to be killed, and what arrived."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from confluent_kafka.admin import AdminClient, NewTopic
from django.conf import settings
from django.db import connection

from apps.product.transactions import in_transaction
from shared.contracts import ProductUpdated
from shared.messaging import kafka, outbox
from shared.messaging.models import OutboxMessage
from shared.messaging.mongodb import MongoOutbox
from shared.messaging.relay import Relay

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = "5" * 24
WAIT_SECONDS = 120.0  # seconds


@contextmanager
def new_topic() -> Iterator[str]:
    """A topic with one partition, so that the order of everything on it can be seen."""
    name = f"test-product-{os.urandom(6).hex()}"
    admin = AdminClient({"bootstrap.servers": settings.ENVIRONMENT.kafka})
    admin.create_topics([NewTopic(name, 1, 1)])[name].result(WAIT_SECONDS)
    try:
        yield name
    finally:
        admin.delete_topics([name])[name].result(WAIT_SECONDS)


@in_transaction
def publish(topic: str, *versions: int, product_id: str = PRODUCT) -> None:
    """Put one event for each of `versions` into the outbox."""
    outbox.publish(
        *(
            ProductUpdated(
                product_id=product_id,
                name="Mug",
                price=Decimal(1),
                currency="EUR",
                is_active=True,
                version=version,
            )
            for version in versions
        )
    )
    OutboxMessage.objects.filter(sent_at=None).update(topic=topic)


def arrived(topic: str, count: int = 10**6, last: int = -1) -> list[tuple[str, int]]:
    """(ce_id, version) of the first `count` messages on `topic`, or of all up to version `last`, as far as they come in time."""
    consumer = kafka.consumer(settings.ENVIRONMENT.kafka, f"{topic}-{os.urandom(4).hex()}")
    consumer.subscribe([topic])
    found: list[tuple[str, int]] = []
    until = time.monotonic() + WAIT_SECONDS
    while (
        len(found) < count and last not in {version for _, version in found[-1:]} and time.monotonic() < until
    ):
        message = consumer.poll(0.5)
        if message is not None and message.error() is None:
            headers: dict[str, Any] = dict(message.headers() or [])
            found.append((headers["ce_id"].decode(), json.loads(message.value() or b"")["version"]))
    consumer.close()
    return found


def events_on(topic: str, count: int) -> list[dict[str, Any]]:
    """The data of the first `count` messages on `topic`, as far as they come in time."""
    consumer = kafka.consumer(settings.ENVIRONMENT.kafka, f"{topic}-{os.urandom(4).hex()}")
    consumer.subscribe([topic])
    found: list[dict[str, Any]] = []
    until = time.monotonic() + WAIT_SECONDS
    while len(found) < count and time.monotonic() < until:
        message = consumer.poll(0.5)
        if message is not None and message.error() is None:
            found.append(json.loads(message.value() or b""))
    consumer.close()
    return found


def waiting() -> int:
    """How many messages were not sent."""
    return OutboxMessage.objects.filter(sent_at=None).count()


def nothing_waits() -> bool:
    """Whether everything is marked sent in time."""
    until = time.monotonic() + WAIT_SECONDS
    while waiting() and time.monotonic() < until:
        time.sleep(0.1)
    return waiting() == 0


@contextmanager
def running_relay() -> Iterator[Relay]:
    """A relay in a thread, stopped at the end."""
    relay = Relay(MongoOutbox(), kafka.producer(settings.ENVIRONMENT.kafka, "test"))
    thread = threading.Thread(target=relay.run)
    thread.start()
    try:
        yield relay
    finally:
        relay.stop()
        thread.join(WAIT_SECONDS)
        assert not thread.is_alive()


class RelayProcess:
    """`manage.py relay` on the tests' database; `dies_at` names a crash point."""

    def __init__(self, dies_at: str = "") -> None:
        url = connection.settings_dict["HOST"].replace("/product?", f"/{connection.settings_dict['NAME']}?")
        environment = {
            **os.environ,
            "MICROCOMMERCE_DATABASE_URL": url,
            "DJANGO_SETTINGS_MODULE": "apps.product.settings",
        }
        command = [sys.executable, "apps/product/manage.py", "relay"]
        if dies_at:
            environment["MICROCOMMERCE_CRASH_POINT"] = dies_at
        # A crash point kills its whole group, which shall not be the tests'.
        self._process = subprocess.Popen(command, cwd=ROOT, env=environment, start_new_session=True)

    def died(self) -> int:
        """Wait for its end; returns the exit code."""
        return self._process.wait(WAIT_SECONDS)

    def kill(self) -> None:
        """kill -9."""
        self._process.kill()
        self._process.wait()

    def terminate(self) -> int:
        """SIGTERM; returns the exit code."""
        self._process.send_signal(signal.SIGTERM)
        return self.died()
