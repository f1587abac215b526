"""Kafka clients with the settings that the promises rest on (promises.md, last section)."""

from typing import Any

from confluent_kafka import Consumer, Producer

from shared.messaging.envelope import MAX_PAYLOAD

# A dead letter carries what was too large for a handler, too.
MAX_MESSAGE = 9 * MAX_PAYLOAD
SESSION_TIMEOUT_MS = 10_000


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
            **overrides,
        }
    )


def consumer(bootstrap: str, service: str, **overrides: Any) -> Consumer:
    """A consumer of the group `service` that commits only when told, from the start where it has no offset."""
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
            **overrides,
        }
    )
