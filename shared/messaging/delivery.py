"""Delivery of messages to handlers: in a batch while all goes well, one by one through the parking lot when not."""

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from prometheus_client import Counter

from shared.contracts import Message
from shared.contracts.topics import ORDERED
from shared.faults import crash_point
from shared.messaging.dead_letters import DeadLetterQueue
from shared.messaging.dispatch import Handlers, dispatch
from shared.messaging.envelope import Poison, Raw, Received, decode, type_of
from shared.messaging.handled_log import log_handled
from shared.messaging.inbox import Inbox
from shared.messaging.parking import Parked
from shared.messaging.store_retry import StoreAway, StoreRetry
from shared.telemetry import trace
from shared.telemetry.probe import Heartbeat

logger = logging.getLogger(__name__)

MESSAGES = Counter("messages_total", "Messages taken from Kafka", ["type", "outcome"])

BACKOFF = (1.0, 2.0, 4.0, 8.0, 15.0, 15.0)  # seconds between the tries of a failing message: 45 in all
MAX_CRASHES = 3
RETRY_SECONDS = 2.0  # of one turn, for what is parked

OrderingKey = tuple[str, bytes | None]  # topic and key, or an ordered topic and None: what stays in order


class Delivery:
    """Delivers the messages of one consumer. `waiting` has the keys of parked ones: later messages of a key queue up behind."""

    def __init__(
        self,
        handlers: Handlers,
        inbox: Inbox,
        dead_letters: DeadLetterQueue,
        store_retry: StoreRetry,
        heartbeat: Heartbeat,
    ) -> None:
        self._handlers = handlers
        self._inbox = inbox
        self._dead_letters = dead_letters
        self._store_retry = store_retry
        self._heartbeat = heartbeat
        self.waiting: set[OrderingKey] = set()
        self._dispatched: Sequence[Received[Message]] = ()

    @property
    def held_up(self) -> frozenset[str]:
        """The topics in order as a whole that wait behind a message of theirs."""
        return frozenset(topic for topic, _ in self.waiting if topic in ORDERED)

    def decoded(self, raws: Sequence[Raw]) -> list[Received[Message]]:
        """What of `raws` there is a handler for. Poison of those types, or of none, goes to the dead letters before this returns."""
        return [message for raw in raws if not self._is_for_others(raw) and (message := self._decode(raw))]

    def handle(self, messages: Sequence[Received[Message]], *, carefully: bool) -> None:
        """Handle or park each of `messages`. `carefully`: one by one, each try counted before it begins."""
        to_park = [
            message.raw for message in messages if carefully or _ordering_key(message.raw) in self.waiting
        ]
        now = [] if carefully else [m for m in messages if _ordering_key(m.raw) not in self.waiting]
        if to_park:
            self._park(to_park)
        if now:
            self._handle_now(now)
        if carefully:
            self.retry_parked()

    def refresh_waiting(self) -> None:
        """Learn what is parked; other replicas park, too."""
        self.waiting = {_key_of(*parked) for parked in self._inbox.parked_keys()}

    def retry_parked(self) -> None:
        """Try parked messages whose time has come, oldest of its key first, for `RETRY_SECONDS` at most.

        What is left stays parked for the next turn, so that other topics' messages do not wait for all of it.
        """
        until = time.monotonic() + RETRY_SECONDS
        while not self._store_retry.stopping and time.monotonic() < until and (parked := self._inbox.claim()):
            self._heartbeat.beat()
            self._retry(parked)
        self.refresh_waiting()

    def _decode(self, raw: Raw) -> Received[Message] | None:
        try:
            return decode(raw)
        except Poison as reason:
            self._give_up(raw, str(reason), 1)
            return None

    def _is_for_others(self, raw: Raw) -> bool:
        """Whether its type says that no handler is here; what others have to read is not read."""
        contract = type_of(raw)
        if contract is None or contract in self._handlers:
            return False
        MESSAGES.labels(contract.TYPE, "skipped").inc()
        return True

    def _handle_now(self, batch: Sequence[Received[Message]]) -> None:
        try:
            self._attempt(batch)
        except Exception as error:
            if not self._store_retry.is_reachable():
                raise StoreAway from error
            logger.warning("A batch of %d failed and is handled one by one: %s", len(batch), error)
            self._park([message.raw for message in batch])
            self.retry_parked()

    def _attempt(self, batch: Sequence[Received[Message]]) -> None:
        hop = trace.continue_from(batch[0].traceparent) if len(batch) == 1 else None
        with trace.use(hop), self._timed():
            fresh = self._inbox.handle(batch, self._dispatch)
        for message in batch:
            MESSAGES.labels(message.message.TYPE, "taken").inc()
        if fresh < len(batch):
            logger.info("%d of %d messages were handled before", len(batch) - fresh, len(batch))

    @contextmanager
    def _timed(self) -> Iterator[None]:
        """Say what was handled inside, once that is done."""
        self._dispatched, began = (), time.perf_counter()
        yield
        log_handled(self._dispatched, time.perf_counter() - began)

    def _dispatch(self, batch: Sequence[Received[Message]]) -> None:
        self._dispatched = batch  # without what was handled before; after a collision it comes again
        dispatch(batch, self._handlers)
        crash_point("ledger.written")

    def _park(self, raws: Sequence[Raw]) -> None:
        self._inbox.park(raws)
        crash_point("consumer.parked")
        self.waiting.update(_ordering_key(raw) for raw in raws)

    def _retry(self, parked: Parked) -> None:
        crash_point("parked.claimed")
        if parked.crashes >= MAX_CRASHES:
            self._dead_letter(parked, f"The handler took its process down {parked.crashes} times.")
            return
        try:
            message = decode(parked.raw)
            with trace.use(trace.continue_from(message.traceparent)), self._timed():
                self._inbox.handle_parked(parked, message, self._dispatch)
            MESSAGES.labels(message.message.TYPE, "taken").inc()
        except Exception as error:
            if not self._store_retry.is_reachable():
                self._store_retry.until_done(lambda: self._inbox.put_back(parked))
                return
            logger.exception("A message failed (try %d): %s", parked.failures + 1, parked.raw.topic)
            self._failed(parked, error)

    def _failed(self, parked: Parked, error: Exception) -> None:
        reason = _printable(f"{type(error).__name__}: {error}")
        if parked.failures < len(BACKOFF):
            self._inbox.put_off(parked, BACKOFF[parked.failures], reason)
        else:
            self._dead_letter(parked, reason)

    def _dead_letter(self, parked: Parked, reason: str) -> None:
        # Killed between the two lines, the dead letter comes twice; it carries the same ce_id.
        self._give_up(parked.raw, reason, parked.failures + 1)
        self._inbox.drop(parked)

    def _give_up(self, raw: Raw, reason: str, attempts: int) -> None:
        logger.error("Given up: %s[%d]@%d: %s", raw.topic, raw.partition, raw.offset, reason)
        self._store_retry.until_done(lambda: self._dead_letters.send(raw, reason, attempts))
        crash_point("dead-letter.sent")
        MESSAGES.labels("", "dead-letter").inc()


def _ordering_key(raw: Raw) -> OrderingKey:
    return _key_of(raw.topic, raw.key)


def _key_of(topic: str, key: bytes | None) -> OrderingKey:
    return topic, None if topic in ORDERED else key


def _printable(text: str) -> str:
    # An error may quote what it failed on, and no store and no header takes these.
    return text.encode("utf-8", "replace").decode().replace("\x00", "\N{REPLACEMENT CHARACTER}")
