"""Kafka clients with the settings that the promises rest on (promises.md, last section)."""

import logging
from typing import Any

from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition

from shared.messaging.envelope import MAX_PAYLOAD

logger = logging.getLogger(__name__)

# A dead letter carries what was too large for a handler, too.
MAX_MESSAGE = 9 * MAX_PAYLOAD
SESSION_TIMEOUT_MS = 10_000
# By default the library knocks, and writes a line, twenty times a second while Kafka is away.
CONNECTION = {"reconnect.backoff.ms": 1_000, "reconnect.backoff.max.ms": 2_000}
TOPICS_REFRESH_MS = 10_000  # a topic that is made after its consumer started is found so soon


def producer(bootstrap: str, service: str, **overrides: Any) -> Producer:
    """A producer that neither loses, doubles nor reorders: acks=all and idempotence.

    It never gives a message up by itself (no message time-out), since giving up would let later messages of
    the same key overtake.
    """
    return Producer(
        {
            "bootstrap.servers": bootstrap,
            "client.id": service,
            "acks": "all",
            "enable.idempotence": True,
            "message.timeout.ms": 0,
            "message.max.bytes": MAX_MESSAGE,
            "linger.ms": 0,
            "compression.type": "none",
            **CONNECTION,
            **overrides,
        },
        logger=logger,
    )


def consumer(bootstrap: str, service: str, **overrides: Any) -> Consumer:
    """A consumer of the group `service` that commits only when told, from the start where it has no offset.

    No member has a name of its own (static membership): one that was asleep for longer than the session came back
    as its own successor's rival, and Kafka fenced it for good.
    """
    return Consumer(
        {
            "bootstrap.servers": bootstrap,
            "client.id": service,
            "group.id": service,
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "earliest",
            "partition.assignment.strategy": "cooperative-sticky",
            "session.timeout.ms": SESSION_TIMEOUT_MS,
            "max.poll.interval.ms": 300_000,
            "fetch.message.max.bytes": MAX_MESSAGE,
            "fetch.wait.max.ms": 500,
            "topic.metadata.refresh.interval.ms": TOPICS_REFRESH_MS,
            "on_commit": _say_if_refused,
            **CONNECTION,
            **overrides,
        },
        logger=logger,
    )


def _say_if_refused(error: KafkaError | None, places: list[TopicPartition]) -> None:
    # Nothing is lost: the messages come again after a rebalance, and their ids are known.
    if error is not None:
        logger.warning("Kafka did not take the offsets of %d partitions: %s", len(places), error)
