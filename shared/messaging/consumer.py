"""The loop that turns messages on Kafka into effects in a service's database, each exactly once.

How it keeps its word when any line is the last one executed:
- An effect and the id of its message are one transaction (`Ledger.handle`); the offset is committed after
  it. Killed between the two, the message comes again and its id is known.
- A batch is one transaction. When it fails its messages are handled one by one, and the one that fails is
  parked in the database with its offset committed: its neighbours go on, later messages of its key wait
  behind it.
- The first batch after a start goes through the parking lot as a whole, where each try is counted before it
  begins: a message that kills its process is met there after the restart and given up after `MAX_CRASHES`.
- A store that is away is no fault of a message: the loop waits and counts nothing.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import cast

from confluent_kafka import Consumer as KafkaConsumer
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka import Message as KafkaMessage
from prometheus_client import Counter

from shared.contracts import TOPICS, Message
from shared.contracts.topics import DEAD_LETTER
from shared.messaging.dead_letters import DeadLetterNotTaken, DeadLetterQueue
from shared.messaging.dispatch import Handlers, dispatch
from shared.messaging.envelope import Poison, Raw, Received, decode
from shared.messaging.ledger import Ledger
from shared.messaging.parking import Parked
from shared.messaging.periodic import Periodic, run_due
from shared.telemetry import trace
from shared.telemetry.probe import Pulse

logger = logging.getLogger(__name__)

MESSAGES = Counter("messages_total", "Messages taken from Kafka", ["type", "outcome"])

BATCH = 200  # messages at most in one transaction
IDLE_WAIT = 0.5  # seconds to wait for a first message
BACKOFF = (1.0, 2.0, 4.0, 8.0, 15.0, 15.0)  # seconds between the tries of a failing message: 45 in all
MAX_CRASHES = 3
STORE_WAIT = 1.0  # seconds between two looks at a store that is away

Pairs = list[tuple[str, str | bytes | None]]

# Called after each turn with what it handled (or parked); may seek, where a store lost what it had taken.
AfterTurn = Callable[[KafkaConsumer, Sequence[Raw]], None]


@dataclass
class Consumer:
    """One service's consumer. `run()` returns after `stop()`, with the message in hand finished."""

    kafka: KafkaConsumer
    handlers: Handlers
    ledger: Ledger
    dead_letters: DeadLetterQueue
    periodic: Sequence[Periodic] = ()
    # Takes dead letters of every topic as they are, whatever is in them; most services have none.
    collect: Callable[[Sequence[Raw]], None] | None = None
    after_turn: AfterTurn | None = None
    pulse: Pulse = field(default_factory=Pulse)

    def __post_init__(self) -> None:
        self._stopping = False
        self._careful = True
        self._parked: set[tuple[str, bytes | None]] = set()

    def stop(self) -> None:
        """Finish what is in hand and return from `run`. Safe to call from a signal handler."""
        self._stopping = True

    def run(self) -> None:
        """Handle messages until told to stop."""
        topics = sorted({contract.TOPIC.name for contract in self.handlers})
        if self.collect:
            topics += [topic.dead_letter for topic in TOPICS]
        self.kafka.subscribe(topics, on_assign=self._on_assign)
        try:
            while not self._stopping:
                self.turn()
        except Stopped:
            logger.info("stopped while waiting; what was in hand comes again")
        finally:
            self.kafka.close()

    def turn(self, wait: float = IDLE_WAIT) -> None:
        """One round: what came, what waits for another try, what the clock says."""
        self.pulse.beat()
        raws = self._poll(wait)
        if raws:
            self._until_done(raws)
        if self._parked:
            self._until_reachable(self._retry_parked)
        if (look_back := self.after_turn) is not None:
            self._until_reachable(lambda: look_back(self.kafka, raws))
        run_due(self.periodic)

    def _on_assign(self, _: KafkaConsumer, partitions: list[TopicPartition]) -> None:
        # Another replica may have parked keys of the partitions that came: look again, and start carefully.
        self._careful = True
        self.pulse.ready = True
        logger.info("assigned %s", ", ".join(f"{p.topic}[{p.partition}]" for p in partitions))

    def _poll(self, wait: float) -> list[Raw]:
        # consume() waits for the whole batch or the time-out; poll() returns with the first message.
        first = self.kafka.poll(wait)
        if first is None:
            return []
        found = [first, *self.kafka.consume(BATCH - 1, 0)]
        return [raw for message in found if (raw := _raw(message)) is not None]

    def _until_done(self, raws: Sequence[Raw]) -> None:
        """Handle `raws` and commit their offsets, however long a store or Kafka is away."""
        if self._careful:
            self._until_reachable(self._look_at_parked)
        careful = self._careful
        self._until_reachable(lambda: self._handle(raws, careful=careful))
        self._careful = False
        self._commit(raws)

    def _handle(self, raws: Sequence[Raw], *, careful: bool) -> None:
        good = self._understood(self._without_dead_letters(raws))
        waiting = [m.raw for m in good if careful or (m.raw.topic, m.raw.key) in self._parked]
        now = [] if careful else [m for m in good if (m.raw.topic, m.raw.key) not in self._parked]
        if waiting:
            self._park(waiting)
        if now:
            self._handle_now(now)
        if careful:
            self._retry_parked()

    def _without_dead_letters(self, raws: Sequence[Raw]) -> Sequence[Raw]:
        letters = [raw for raw in raws if raw.topic.endswith(DEAD_LETTER)]
        if letters and self.collect:
            self.collect(letters)
        return [raw for raw in raws if not raw.topic.endswith(DEAD_LETTER)] if letters else raws

    def _understood(self, raws: Sequence[Raw]) -> list[Received[Message]]:
        good = []
        for raw in raws:
            try:
                message = decode(raw)
            except Poison as reason:
                self._give_up(raw, str(reason), 1)
                continue
            if type(message.message) in self.handlers:
                good.append(message)
            else:
                MESSAGES.labels(message.message.TYPE, "skipped").inc()
        return good

    def _handle_now(self, batch: Sequence[Received[Message]]) -> None:
        try:
            self._attempt(batch)
        except Exception as error:
            if not self._is_reachable():
                raise StoreAway from error
            self._isolate(batch, error)

    def _isolate(self, batch: Sequence[Received[Message]], error: Exception) -> None:
        """Something in `batch` failed: let each message through the parking lot by itself."""
        logger.warning("A batch of %d failed and is handled one by one: %s", len(batch), error)
        self._park([message.raw for message in batch])
        self._retry_parked()

    def _attempt(self, batch: Sequence[Received[Message]]) -> None:
        hop = trace.continue_from(batch[0].traceparent) if len(batch) == 1 else None
        with trace.use(hop):
            fresh = self.ledger.handle(batch, lambda messages: dispatch(messages, self.handlers))
        for message in batch:
            MESSAGES.labels(message.message.TYPE, "taken").inc()
        if fresh < len(batch):
            logger.info("%d of %d messages were handled before", len(batch) - fresh, len(batch))

    def _park(self, raws: Sequence[Raw]) -> None:
        self.ledger.park(raws)
        self._parked.update((raw.topic, raw.key) for raw in raws)

    def _look_at_parked(self) -> None:
        self._parked = self.ledger.parked_keys()

    def _retry_parked(self) -> None:
        """Try every parked message whose time has come, oldest of its key first."""
        while not self._stopping and (parked := self.ledger.claim()):
            self.pulse.beat()
            self._retry(parked)
        self._look_at_parked()

    def _retry(self, parked: Parked) -> None:
        if parked.crashes >= MAX_CRASHES:
            self._bury(parked, f"The handler took its process down {parked.crashes} times.")
            return
        try:
            message = decode(parked.raw)
            with trace.use(trace.continue_from(message.traceparent)):
                self.ledger.handle_parked(parked, message, lambda messages: dispatch(messages, self.handlers))
            MESSAGES.labels(message.message.TYPE, "taken").inc()
        except Exception as error:
            if not self._is_reachable():
                raise StoreAway from error
            logger.exception("A message failed (try %d): %s", parked.failures + 1, parked.raw.topic)
            self._failed(parked, error)

    def _failed(self, parked: Parked, error: Exception) -> None:
        reason = f"{type(error).__name__}: {error}"
        if parked.failures < len(BACKOFF):
            self.ledger.put_off(parked, BACKOFF[parked.failures], reason)
        else:
            self._bury(parked, reason)

    def _bury(self, parked: Parked, reason: str) -> None:
        # Killed between the two lines, the dead letter comes twice; it carries the same ce_id.
        self._give_up(parked.raw, reason, parked.failures + 1)
        self.ledger.drop(parked)

    def _give_up(self, raw: Raw, reason: str, attempts: int) -> None:
        logger.error("Given up: %s[%d]@%d: %s", raw.topic, raw.partition, raw.offset, reason)
        self.dead_letters.send(raw, reason, attempts)
        MESSAGES.labels("", "dead-letter").inc()

    def _is_reachable(self) -> bool:
        try:
            return self.ledger.is_reachable()
        except Exception as error:  # noqa: BLE001 - whatever the driver raises, the answer is no
            logger.warning("The store is away: %s", error)
            return False

    def _until_reachable(self, work: Callable[[], None]) -> None:
        """Do `work`, at least once; while a store or the dead-letter topic is away, wait and do it again."""
        while True:
            try:
                work()
            except (StoreAway, DeadLetterNotTaken) as error:
                logger.warning("Waiting: %s", error.__cause__ or error)
            except Exception:
                if self._is_reachable():
                    raise
            else:
                return
            if self._stopping:
                raise Stopped
            self.pulse.beat()
            time.sleep(STORE_WAIT)

    def _commit(self, raws: Sequence[Raw]) -> None:
        offsets: dict[tuple[str, int], int] = {}
        for raw in raws:
            offsets[raw.topic, raw.partition] = raw.offset + 1
        places = [TopicPartition(topic, partition, offset) for (topic, partition), offset in offsets.items()]
        try:
            self.kafka.commit(offsets=places, asynchronous=True)
        except KafkaException as error:
            # The messages come again after a rebalance and their ids are known: nothing is lost.
            logger.warning("The offsets were not committed: %s", error)


class StoreAway(Exception):
    """The service's own store cannot be reached."""


class Stopped(Exception):
    """The process was told to stop while it waited; what was in hand comes again."""


def _raw(message: KafkaMessage) -> Raw | None:
    error = message.error()
    if error is None:
        return Raw(
            topic=message.topic() or "",
            partition=message.partition() or 0,
            offset=message.offset() or 0,
            key=_bytes(message.key()),
            headers=[(name, _bytes(value)) for name, value in cast("Pairs", message.headers() or [])],
            payload=_bytes(message.value()) or b"",
        )
    if error.fatal() or error.code() == KafkaError._AUTHENTICATION:  # noqa: SLF001 - the library's public name for it
        raise KafkaException(error)
    logger.warning("Kafka: %s", error)
    return None


def _bytes(value: str | bytes | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value
