"""Where a message goes that its consumer gives up on: `<topic>.dead-letter`, as it came, with the reason."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from confluent_kafka import KafkaError, KafkaException, Producer
from prometheus_client import Counter

from shared.contracts.topics import DEAD_LETTER
from shared.messaging.envelope import Raw

DEAD_LETTERS = Counter("dead_letters_total", "Messages given up on", ["topic"])
PREFIX = "dl_"
MAX_REASON = 500
SEND_TIMEOUT_MS = 5_000  # Kafka has a dead letter by then, or it is tried again later
TIMEOUT = 7.0  # seconds to wait for Kafka's word; below what a process has to stop in
# Of what is too large: bytes of the payload and of each other part, and how many headers.
KEPT_OF_PAYLOAD, KEPT_OF_REST, KEPT_HEADERS = 64 * 1024, 256, 50

Headers = list[tuple[str, str | bytes | None]]


class DeadLetterNotTaken(Exception):
    """Kafka did not take the dead letter: the message must be kept, and its offset not committed."""


class DeadLetterQueue:
    """Sends dead letters of one service and does not return before Kafka has them.

    `connect` makes a producer that gives up: on first use, and anew whenever Kafka has not taken a letter, since the
    library's producers do not always find their way back.
    """

    def __init__(self, connect: Callable[[], Producer], service: str) -> None:
        self._connect = connect
        self._producer: Producer | None = None
        self._service = service

    def send(self, raw: Raw, error: str, attempts: int) -> None:
        """Send `raw` as it came plus `dl_error, dl_attempts, dl_service, dl_at`; raises DeadLetterNotTaken.

        A message that is too large for its dead-letter topic is cut, and `dl_cut` says how many bytes it had:
        kept whole it would block its partition for ever.
        """
        reason = self._reason(error, attempts)
        failure = self._produce(raw, reason)
        if failure is not None and failure.code() == KafkaError.MSG_SIZE_TOO_LARGE:
            failure = self._produce(_cut(raw), [*reason, ("dl_cut", str(len(raw.payload)))])
        if failure is not None:
            self._producer = None
            raise DeadLetterNotTaken(str(failure))
        DEAD_LETTERS.labels(raw.topic).inc()

    def _produce(self, raw: Raw, reason: Headers) -> KafkaError | None:
        """Kafka's word: None when it has the message."""
        outcome: list[KafkaError | None] = []
        if self._producer is None:
            self._producer = self._connect()
        producer = self._producer
        try:
            producer.produce(
                raw.topic + DEAD_LETTER,
                value=raw.payload,
                key=raw.key,
                headers=[*_original(raw), *reason],
                on_delivery=lambda failure, _: outcome.append(failure),
            )
        except (KafkaException, BufferError) as failure:
            if isinstance(failure, KafkaException) and isinstance(failure.args[0], KafkaError):
                return failure.args[0]
            raise DeadLetterNotTaken(str(failure)) from failure
        producer.flush(TIMEOUT)
        if not outcome:
            self._producer = None
            raise DeadLetterNotTaken("no word from Kafka")
        return outcome[0]

    def _reason(self, error: str, attempts: int) -> Headers:
        return [
            ("dl_error", error[:MAX_REASON].encode("utf-8", "replace")),
            ("dl_attempts", str(attempts)),
            ("dl_service", self._service),
            ("dl_at", datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")),
        ]


def _original(raw: Raw) -> Headers:
    return [(name, value) for name, value in raw.headers if not name.startswith(PREFIX)]


def _cut(raw: Raw) -> Raw:
    headers = [
        (name[:KEPT_OF_REST], None if value is None else value[:KEPT_OF_REST])
        for name, value in raw.headers[:KEPT_HEADERS]
    ]
    key = None if raw.key is None else raw.key[:KEPT_OF_REST]
    return replace(raw, key=key, headers=headers, payload=raw.payload[:KEPT_OF_PAYLOAD])
