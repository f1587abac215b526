"""Carries the outbox to Kafka, in order, and marks a message sent only on Kafka's delivery report.

Killed between delivery and mark, it sends the message again with the same id: the inbox of whoever gets it
knows that id. One relay of a service is active at a time (the source holds a lock), the others stand by.

Where a service has a consumer, the relay is a thread of the consumer's process (`shared.messaging.runner`, ADR 0029),
with a connection and a producer of its own: the two share nothing but the wake-up that follows a commit. So what holds
for a process holds for the thread: killed anywhere, the rows are there and not marked, and the next relay sends them.
"""

import logging
import time
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from confluent_kafka import KafkaError, Producer
from confluent_kafka import Message as KafkaMessage
from django.conf import settings
from django.utils.module_loading import import_string
from prometheus_client import Counter, Gauge

from shared.contracts.topics import ORDERED
from shared.faults import crash_point
from shared.messaging import kafka
from shared.messaging.purge import EVERY
from shared.telemetry.probe import Heartbeat

logger = logging.getLogger(__name__)

RELAYED = Counter("outbox_relayed_total", "Messages carried to Kafka")
OLDEST = Gauge(
    "outbox_oldest_seconds", "Age of the oldest message that Kafka does not have yet; 0 without any"
)

BATCH = 500
IDLE_WAIT = 1.0  # seconds: the poll behind the store's wake-up
FIRST_PARTITION, BY_KEY = 0, -1  # where a message goes; −1 is the library's word for "where its key belongs"
FLUSH_WAIT = 5.0  # seconds between two beats while Kafka is away


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A message that waits to be sent."""

    id: Hashable
    topic: str
    key: str
    headers: dict[str, str]
    payload: str


class SourceAway(Exception):
    """The store that keeps the outbox cannot be reached."""


class OutboxSource(Protocol):
    """The outbox of a service in its own store. Every method may raise SourceAway."""

    def acquire(self) -> bool:
        """Become the one active relay, or learn that another one is."""

    def take(self, limit: int, sent: Sequence[Hashable] = ()) -> Sequence[OutboxRow]:
        """Mark `sent`, which Kafka has, and return the oldest messages that were not sent."""

    def wait(self, seconds: float) -> None:
        """Return when something may have been written since the last `take`, or after `seconds`."""

    def wake(self) -> None:
        """Have `wait` return at once, if it can: safe from any thread and signal handler."""

    def purge(self) -> bool:
        """Forget a piece of what was sent long ago, as much as takes a moment; returns whether more may be left."""

    def reconnect(self) -> None:
        """Drop what is left of the connection; the next call makes a new one."""


@dataclass
class Relay:
    """One service's relay. `run()` returns after `stop()`."""

    source: OutboxSource
    producer: Producer
    heartbeat: Heartbeat = field(default_factory=Heartbeat)

    def __post_init__(self) -> None:
        self._stopping = False
        # What came with the mark of the last batch; None where nobody has looked since.
        self._taken: Sequence[OutboxRow] | None = None
        self._one_by_one = False  # after a refusal: Kafka refuses what the library put together as a whole
        self._purge_at = 0.0
        self._has_more_to_purge = False
        self._waits_since: float | None = None
        OLDEST.set_function(self._oldest)

    def stop(self) -> None:
        """Finish the batch in hand and return from `run`. Safe to call from a signal handler."""
        self._stopping = True
        self.source.wake()

    def run(self) -> None:
        """Carry messages until told to stop; whatever ends it, the next relay need not wait for this one's lock."""
        try:
            while not self._stopping:
                self.heartbeat.beat()
                try:
                    self.turn()
                except SourceAway as error:
                    logger.warning("The outbox cannot be reached: %s", error)
                    self._disconnect()
                    time.sleep(IDLE_WAIT)
        finally:
            self._disconnect()

    def turn(self) -> None:
        """One round: wait where the last one has found nothing more, and carry what there is."""
        self.producer.poll(0)
        if not self.source.acquire():
            self.heartbeat.ready = True  # standing by is what a second replica is for
            self._taken = self._waits_since = None
            time.sleep(IDLE_WAIT)
            return
        self.heartbeat.ready = True
        self._purge_by_the_clock()
        rows = self._rows()
        self._note_oldest(rows)
        if not rows:
            self._taken = rows
            return
        crash_point("relay.taken")
        delivered = self._send(rows)
        crash_point("relay.sent")
        self._taken = self.source.take(BATCH, delivered)
        self._note_oldest(self._taken)
        crash_point("relay.marked")
        if len(delivered) < len(rows) and not self._stopping:
            time.sleep(IDLE_WAIT)  # what Kafka refuses now it will hardly take in the next moment

    def _rows(self) -> Sequence[OutboxRow]:
        """What the mark of the last batch has brought along, or else what there is after a wake-up."""
        taken, self._taken = self._taken, None
        if taken:
            return taken
        if taken is not None:
            self.source.wait(0 if self._has_more_to_purge else IDLE_WAIT)
        return self.source.take(BATCH)

    def _disconnect(self) -> None:
        self._taken = None  # another relay may send it meanwhile
        self.source.reconnect()

    def _note_oldest(self, rows: Sequence[OutboxRow]) -> None:
        self._waits_since = _written_at(rows[0]) if rows else None

    def _oldest(self) -> float:
        since = self._waits_since
        return 0.0 if since is None else max(0.0, time.time() - since)

    def _send(self, rows: Sequence[OutboxRow]) -> list[Hashable]:
        """Send all of `rows` and return the ids of those that Kafka says it has."""
        delivered: list[Hashable] = []
        for row in rows:
            self._produce(row, delivered)
            if self._one_by_one:
                self._flush()
        self._flush()
        self._one_by_one = len(delivered) < len(rows)
        RELAYED.inc(len(delivered))
        return delivered

    def _flush(self) -> None:
        while self.producer.flush(FLUSH_WAIT) and not self._stopping:
            self.heartbeat.beat()
            logger.warning("Kafka has not taken %d messages yet", len(self.producer))

    def _produce(self, row: OutboxRow, delivered: list[Hashable]) -> None:
        def report(error: KafkaError | None, _: KafkaMessage) -> None:
            if error is None:
                delivered.append(row.id)
            else:
                logger.error("Kafka refused %s for %s: %s", row.headers.get("ce_id"), row.topic, error)

        headers: list[tuple[str, str | bytes | None]] = list(row.headers.items())
        self.producer.produce(
            row.topic,
            row.payload.encode(),
            row.key.encode(),
            # Named, since the topic may be of an earlier release and have more than one.
            partition=FIRST_PARTITION if row.topic in ORDERED else BY_KEY,
            headers=headers,
            on_delivery=report,
        )

    def _purge_by_the_clock(self) -> None:
        """One piece in each turn, while there is more: messages wait for no longer than that takes."""
        if self._has_more_to_purge or time.monotonic() >= self._purge_at:
            self._has_more_to_purge = False  # so it stays where the purge fails
            self._purge_at = time.monotonic() + EVERY
            self._has_more_to_purge = self.source.purge()


def of_this_service() -> Relay:
    """The relay of the outbox that `settings.MESSAGING_OUTBOX` names."""
    source: OutboxSource = import_string(settings.MESSAGING_OUTBOX)()
    return Relay(source, kafka.producer(settings.ENVIRONMENT.kafka, settings.SERVICE_NAME))


def _written_at(row: OutboxRow) -> float:
    return datetime.fromisoformat(row.headers["ce_time"]).timestamp()
