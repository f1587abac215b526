"""Messages as they lie on a topic: CloudEvents 1.0 in Kafka's binary mode."""

import json
import uuid
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from confluent_kafka import Message as KafkaMessage

# Who listens to what.
LISTENERS = {
    "product.events": {"order", "stock", "basket"},
    "order.events": {"saga", "notification"},
    "order.commands": {"order"},
    "stock.commands": {"stock"},
    "stock.events": {"saga"},
    "basket.commands": {"basket"},
}
GROUPS = sorted(set().union(*LISTENERS.values()))
COLLECTOR = "saga"  # of the dead letters of every service
REPLAYS = ".replays"  # after a service's name: where its dead letters come back to it
DEAD_LETTER = ".dead-letter"
PARTITIONS = {topic: 1 if topic == "product.events" else 6 for topic in LISTENERS}
OF_LETTERS = 6  # partitions of a dead-letter topic
BEGINNING = 200  # characters


@dataclass(frozen=True)
class Message:
    """A message that was read, or that is to be sent; `partition` −1: where its key belongs."""

    topic: str
    key: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    value: bytes | None
    partition: int = -1
    offset: int = -1

    def header(self, name: str) -> str:
        """A header's text; empty where it is absent."""
        return next(
            ((value or b"").decode("utf-8", "replace") for each, value in self.headers if each == name), ""
        )

    def into(self, partition: int) -> "Message":
        """The same message for a certain partition."""
        return replace(self, partition=partition)

    @property
    def beginning(self) -> str:
        """How its payload begins, as text: enough to tell it from others."""
        return (self.value or b"").decode("utf-8", "replace")[:BEGINNING]

    @property
    def id(self) -> str:
        """`ce_id`."""
        return self.header("ce_id")


def message(topic: str, kind: str, key: str, data: Any, **headers: str | None) -> Message:
    """A message as a service would send it; `headers` replace the usual ones, None leaves one out."""
    usual = {
        "ce_specversion": "1.0",
        "ce_id": str(uuid.uuid4()),
        "ce_source": "/microcommerce/test",
        "ce_type": kind,
        "ce_time": datetime.now(UTC).isoformat(),
        "ce_subject": key,
        "content-type": "application/json",
    }
    wanted = {**usual, **headers}
    encoded = tuple((name, value.encode()) for name, value in wanted.items() if value is not None)
    return Message(topic, key.encode(), encoded, json.dumps(data).encode())


def from_kafka(found: KafkaMessage) -> Message:
    """A message as the client library gives it."""
    topic, partition, offset = found.topic(), found.partition(), found.offset()
    assert topic is not None
    assert partition is not None
    assert offset is not None
    return Message(topic, _bytes(found.key()), _headers(found), _bytes(found.value()), partition, offset)


def _headers(found: KafkaMessage) -> tuple[tuple[str, bytes | None], ...]:
    headers = found.headers() or []
    pairs = headers.items() if isinstance(headers, dict) else headers
    return tuple((name, _bytes(value)) for name, value in pairs)


def _bytes(value: str | bytes | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value
