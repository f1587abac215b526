"""Kafka clients with the settings that the promises rest on (docs/promises.md)."""

import json
import logging
import time
from collections.abc import Mapping
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from shared.messaging.copy_age import COPY_AGE
from shared.messaging.envelope import MAX_PAYLOAD

logger = logging.getLogger(__name__)

# A dead letter carries what was too large for a handler, too.
MAX_MESSAGE = 9 * MAX_PAYLOAD
SESSION_TIMEOUT_MS = 10_000
# By default the library knocks, and writes a line, twenty times a second while Kafka is away.
CONNECTION = {
    "reconnect.backoff.ms": 1_000,
    "reconnect.backoff.max.ms": 2_000,
    "socket.timeout.ms": 15_000,  # what was asked of a broker that went away is asked again so soon
}
TOPICS_REFRESH_MS = 10_000  # a topic that is made after its consumer started is found so soon
STATISTICS_MS = 5_000  # how often a client tells of itself
STALLED_AFTER = 10.0  # seconds for which Kafka answers others, and this client has no connection
OUTSIDE_AFTER = (
    30.0  # seconds for which Kafka answers others, and this consumer has no group or reads nothing
)
ANSWER_SECONDS = 1.0  # for somebody else to get an answer


class ClientStalled(Exception):
    """Kafka is there, and this client does not find its way back to it: a new one will."""


class ClientWatchdog:
    """Notices a client that does not find its way back to Kafka, as the library's now and then do not.

    Told by a broker that was just going down that there are no brokers, one forgets all of them and never connects
    again (librdkafka issue 5301); another one waits for minutes before it joins its group again; a third, which asked
    a broker that has just begun how far its group had come, is in its group and reads nothing (issue 5586). Raises
    ClientStalled out of the client's `poll`, `consume` or `flush`. While Kafka is away for everybody nothing is raised:
    waiting is right then.
    """

    def __init__(self, bootstrap: str, *, joins: bool = False) -> None:
        self._bootstrap = bootstrap
        self._joins = joins
        self._lost_since: float | None = None

    def look(self, statistics: str) -> None:
        """Take what the client tells of itself (librdkafka's STATISTICS.md)."""
        said = json.loads(statistics)
        if self._joins:
            COPY_AGE.look(said)
        loss = self._loss(said)
        if loss is None or not is_reachable(self._bootstrap):
            self._lost_since = None
            return
        what, limit = loss
        if self._lost_since is None:
            self._lost_since = time.monotonic()
        elif time.monotonic() - self._lost_since >= limit:
            raise ClientStalled(f"{said['name']} has no {what}, though Kafka answers others.")

    def _loss(self, said: Mapping[str, Any]) -> tuple[str, float] | None:
        """What is missing, and how many seconds it may be; None where nothing is or nothing is needed."""
        connected = any(broker["state"] == "UP" for broker in said["brokers"].values())
        if said["type"] == "producer":
            return None if connected or not said["msg_cnt"] else ("connection", STALLED_AFTER)
        if not connected:
            return "connection", STALLED_AFTER
        if self._joins and (said["cgrp"]["state"], said["cgrp"]["join_state"]) != ("up", "steady"):
            return "group", OUTSIDE_AFTER
        if self._joins and _read_by(said) < said["cgrp"]["assignment_size"]:
            return "place to read from in a partition of its own", OUTSIDE_AFTER
        return None


def _read_by(said: Mapping[str, Any]) -> int:
    """How many partitions a consumer reads."""
    partitions = (each for topic in said["topics"].values() for each in topic["partitions"].values())
    return sum(each["fetch_state"] == "active" for each in partitions)


def is_reachable(bootstrap: str) -> bool:
    """Whether Kafka answers a new client within a second."""
    try:
        return bool(
            AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
            .list_topics(timeout=ANSWER_SECONDS)
            .brokers
        )
    except KafkaException:
        return False


def producer(bootstrap: str, service: str, *, gives_up_after: int = 0) -> Producer:
    """A producer that neither loses, doubles nor reorders: acks=all and idempotence.

    It never gives a message up by itself, since giving up would let later messages of the same key overtake: whoever
    has it calls `poll` now and then, which raises ClientStalled. One that `gives_up_after` so many milliseconds says of
    each message whether Kafka has it; whoever has that makes a new one when Kafka has not.
    """
    # What a client tells of itself is kept until somebody polls.
    watchdog = {} if gives_up_after else _with_watchdog(ClientWatchdog(bootstrap))
    return Producer(
        {
            "bootstrap.servers": bootstrap,
            "client.id": service,
            "acks": "all",
            "enable.idempotence": True,
            "message.timeout.ms": gives_up_after,
            "message.max.bytes": MAX_MESSAGE,
            "linger.ms": 0,
            "compression.type": "none",
            **CONNECTION,
            **watchdog,
        },
        logger=logger,
    )


def consumer(bootstrap: str, service: str, **overrides: Any) -> Consumer:
    """A consumer of the group `service` that commits only when told, from the start where it has no offset.

    No member has a name of its own (static membership): one that was asleep for longer than the session came back
    as its own successor's rival, and Kafka fenced it for good.
    """
    return _consumer(bootstrap, service, ClientWatchdog(bootstrap, joins=True), overrides)


def reader(bootstrap: str, service: str) -> Consumer:
    """A consumer that is given its partitions by hand: it joins no group, commits nothing, and begins at the end."""
    # A group is named because the library wants one.
    return _consumer(bootstrap, service, ClientWatchdog(bootstrap), {"auto.offset.reset": "latest"})


def _consumer(
    bootstrap: str, service: str, watchdog: ClientWatchdog, overrides: Mapping[str, Any]
) -> Consumer:
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
            "on_commit": _log_if_refused,
            **CONNECTION,
            **_with_watchdog(watchdog),
            **overrides,
        },
        logger=logger,
    )


def _with_watchdog(watchdog: ClientWatchdog) -> dict[str, Any]:
    return {"statistics.interval.ms": STATISTICS_MS, "stats_cb": watchdog.look}


def _log_if_refused(error: KafkaError | None, places: list[TopicPartition]) -> None:
    # Nothing is lost: the messages come again after a rebalance, and their ids are known.
    if error is not None:
        logger.warning("Kafka did not take the offsets of %d partitions: %s", len(places), error)
