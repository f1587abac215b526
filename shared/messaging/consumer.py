"""The loop that turns messages on Kafka into effects in a service's database, each exactly once.

How it keeps its word when any line is the last one executed:
- An effect and the id of its message are one transaction (`Inbox.handle`); the offset is committed after
  it. Killed between the two, the message comes again and its id is known.
- A batch is one transaction. When it fails its messages are handled one by one, and the one that fails is
  parked in the database with its offset committed: its neighbours go on, later messages of its key wait
  behind it, and so does all of its topic where the whole topic is in order (`contracts.topics.ORDERED`).
- The first batch after a start goes through the parking lot as a whole, where each try is counted before it
  begins: a message that kills its process is met there after the restart and given up after `MAX_CRASHES`.
- A store that is away is no fault of a message: the loop waits and counts nothing.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from operator import methodcaller
from typing import cast

from confluent_kafka import Consumer as KafkaConsumer
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka import Message as KafkaMessage

from shared.contracts.topics import DEAD_LETTER, WITH_DEAD_LETTERS
from shared.faults import crash_point
from shared.messaging.copy_age import COPY_AGE
from shared.messaging.dead_letters import DeadLetterQueue
from shared.messaging.delivery import Delivery
from shared.messaging.dispatch import Handlers
from shared.messaging.envelope import Headers, Raw
from shared.messaging.inbox import Inbox
from shared.messaging.kafka import ClientStalled
from shared.messaging.listener import AfterTurn
from shared.messaging.periodic import Periodic, run_due
from shared.messaging.replays import original
from shared.messaging.store_retry import Stopped, StoreRetry
from shared.telemetry.probe import Heartbeat

logger = logging.getLogger(__name__)

BATCH = 200  # messages at most in one transaction
# What no waiting heals: the process ends, and its successor begins anew.
ENDS = {KafkaError._AUTHENTICATION, KafkaError._FATAL}  # noqa: SLF001 - the library's public names
IDLE_WAIT = 0.5  # seconds to wait for a first message
# Seconds between two commits of offsets: what comes again after a kill is known by its id, so they need not follow each
# batch, of which Kafka would write each one down.
COMMIT_EVERY = 0.25

Pairs = list[tuple[str, str | bytes | None]]
# `message.headers()` with its result checked. Where a header's name is no text the library returns a broken list with an
# exception set. Python 3.11 looks for that in most calls, but not in a method's that it has specialised because it is
# called often: a consumer that had handled some messages died of such a header.
ask_for_headers = methodcaller("headers")


@dataclass
class Consumer:
    """One service's consumer. `run()` returns after `stop()`, with the message in hand finished."""

    kafka: KafkaConsumer
    handlers: Handlers
    inbox: Inbox
    dead_letters: DeadLetterQueue
    # The topic on which dead letters of this service come back to it (`shared.messaging.replays`).
    replays: str = ""
    periodic: Sequence[Periodic] = ()
    # Takes dead letters of every topic as they are, whatever is in them; most services have none.
    collect: Callable[[Sequence[Raw]], None] | None = None
    after_turn: AfterTurn | None = None
    heartbeat: Heartbeat = field(default_factory=Heartbeat)

    def __post_init__(self) -> None:
        self._store_retry = StoreRetry(self.inbox, self.heartbeat)
        self._delivery = Delivery(
            self.handlers, self.inbox, self.dead_letters, self._store_retry, self.heartbeat
        )
        self._has_news = self._careful = True
        # topic and partition -> the offset to commit next
        self._handled: dict[tuple[str, int], int] = {}
        self._commit_at = 0.0

    def stop(self) -> None:
        """Finish what is in hand and return from `run`. Safe to call from a signal handler."""
        self._store_retry.stopping = True

    def run(self) -> None:
        """Handle messages until told to stop. Raises ClientStalled, and leaves the Kafka client open then."""
        topics = sorted({contract.TOPIC.name for contract in self.handlers})
        if self.replays:
            topics.append(self.replays)
        if self.collect:
            topics += [topic.dead_letter for topic in WITH_DEAD_LETTERS]
        self.kafka.subscribe(topics, on_assign=self._on_assign, on_revoke=self._on_revoke)
        try:
            while not self._store_retry.stopping:
                self.turn()
        except Stopped:
            logger.info("stopped while waiting; what was in hand comes again")
        except ClientStalled:
            raise  # to close it would take Kafka's answer
        except BaseException:
            self._close()
            raise
        self._close()

    def turn(self, wait: float = IDLE_WAIT) -> None:
        """One round: what came, what waits for another try, what the clock says."""
        self.heartbeat.beat()
        raws = self._poll(wait)
        if self._has_news:
            self._store_retry.until_done(self._delivery.refresh_waiting)
            self._has_news = False
        if raws:
            self._take(raws)
        if time.monotonic() >= self._commit_at:
            self._commit_offsets()
        if self._delivery.waiting:
            self._store_retry.until_done(self._delivery.retry_parked)
            COPY_AGE.held_up = self._delivery.held_up
        if (look_back := self.after_turn) is not None:
            self._store_retry.until_done(lambda: look_back(self.kafka, raws))
        if not run_due(self.periodic):
            self._store_retry.is_reachable()  # a connection that broke is made anew

    def _on_assign(self, _: KafkaConsumer, partitions: list[TopicPartition]) -> None:
        # Another replica may have parked keys of the partitions that came: look again, and start carefully.
        self._has_news = self._careful = True
        COPY_AGE.forget((each.topic, each.partition) for each in partitions)
        self.heartbeat.ready = True
        logger.info("assigned %s", ", ".join(f"{p.topic}[{p.partition}]" for p in partitions))

    def _on_revoke(self, _: KafkaConsumer, __: list[TopicPartition]) -> None:
        self._commit_offsets()  # for whoever has them next

    def _poll(self, wait: float) -> list[Raw]:
        # consume() waits for the whole batch or the time-out; poll() returns with the first message.
        first = self.kafka.poll(wait)
        if first is None:
            return []
        found = [first, *self.kafka.consume(BATCH - 1, 0)]
        return [raw for message in found if (raw := _raw(message)) is not None]

    def _take(self, raws: Sequence[Raw]) -> None:
        """Handle `raws`, however long a store or Kafka is away."""
        crash_point("consumer.taken")
        messages = self._delivery.decoded(self._originals(self._without_dead_letters(raws)))
        careful = self._careful
        self._store_retry.until_done(lambda: self._delivery.handle(messages, carefully=careful))
        COPY_AGE.held_up = self._delivery.held_up
        COPY_AGE.handled(raws, messages)
        self._careful = careful and not messages  # nothing was tried yet
        crash_point("ledger.committed")
        self._note_handled(raws)

    def _without_dead_letters(self, raws: Sequence[Raw]) -> Sequence[Raw]:
        letters = [raw for raw in raws if raw.topic.endswith(DEAD_LETTER)]
        collect = self.collect
        if letters and collect:
            self._store_retry.until_done(lambda: collect(letters))
        return [raw for raw in raws if not raw.topic.endswith(DEAD_LETTER)] if letters else raws

    def _originals(self, raws: Sequence[Raw]) -> Sequence[Raw]:
        return [original(raw) if raw.topic == self.replays else raw for raw in raws]

    def _note_handled(self, raws: Sequence[Raw]) -> None:
        for raw in raws:
            self._handled[raw.topic, raw.partition] = raw.offset + 1

    def _commit_offsets(self) -> None:
        """Commit the offsets of what was handled since this was called last."""
        if not self._handled:
            return
        places = [TopicPartition(*place, offset) for place, offset in self._handled.items()]
        self._handled, self._commit_at = {}, time.monotonic() + COMMIT_EVERY
        try:
            self.kafka.commit(offsets=places, asynchronous=True)
        except KafkaException as error:
            # The messages come again after a rebalance and their ids are known: nothing is lost.
            logger.warning("The offsets were not committed: %s", error)
        crash_point("consumer.committed")

    def _close(self) -> None:
        self._commit_offsets()
        self.kafka.close()


def _raw(message: KafkaMessage) -> Raw | None:
    error = message.error()
    if error is None:
        headers, fault = _headers(message)
        return Raw(
            topic=message.topic() or "",
            partition=message.partition() or 0,
            offset=message.offset() or 0,
            key=_bytes(message.key()),
            headers=headers,
            payload=_bytes(message.value()) or b"",
            fault=fault,
        )
    if error.fatal() or error.code() in ENDS:
        raise KafkaException(error)
    logger.warning("Kafka: %s", error)
    return None


def _headers(message: KafkaMessage) -> tuple[Headers, str]:
    """The headers, and what is wrong with them.

    The library decodes their names only when it is asked, all of them or none: where one is no text all are lost.
    It must not be asked again then: the second answer holds a name that is no object, and whoever touches it dies.
    """
    try:
        pairs = cast("Pairs", ask_for_headers(message) or [])
    except (SystemError, UnicodeDecodeError):  # today the first, because of the second
        return [], "The name of a header is not UTF-8, so that none of the headers could be read."
    return [(name, _bytes(value)) for name, value in pairs], ""


def _bytes(value: str | bytes | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value
