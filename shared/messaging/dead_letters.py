"""Where a message goes that its consumer gives up on: `<topic>.dead-letter`, as it came, with the reason."""

from datetime import UTC, datetime

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka import Message as KafkaMessage
from prometheus_client import Counter

from shared.contracts.topics import DEAD_LETTER
from shared.messaging.envelope import Raw

DEAD_LETTERS = Counter("dead_letters_total", "Messages given up on", ["topic"])
PREFIX = "dl_"
MAX_REASON = 500
TIMEOUT = 30.0  # seconds to wait for Kafka's word


class DeadLetterNotTaken(Exception):
    """Kafka did not take the dead letter: the message must be kept, and its offset not committed."""


class DeadLetterQueue:
    """Sends dead letters of one service and does not return before Kafka has them."""

    def __init__(self, producer: Producer, service: str) -> None:
        self._producer = producer
        self._service = service

    def send(self, raw: Raw, error: str, attempts: int) -> None:
        """Send `raw` as it came plus `dl_error, dl_attempts, dl_service, dl_at`; raises DeadLetterNotTaken."""
        outcome: list[KafkaError | None] = []

        def delivered(failure: KafkaError | None, _: KafkaMessage) -> None:
            outcome.append(failure)

        try:
            self._producer.produce(
                raw.topic + DEAD_LETTER,
                value=raw.payload,
                key=raw.key,
                headers=[*_original(raw), *self._reason(error, attempts)],
                on_delivery=delivered,
            )
        except (KafkaException, BufferError) as failure:
            raise DeadLetterNotTaken(str(failure)) from failure
        self._producer.flush(TIMEOUT)
        # Compared by identity: comparing a KafkaError with None breaks inside the library.
        if not outcome or outcome[0] is not None:
            raise DeadLetterNotTaken(str(outcome[0]) if outcome else "no word from Kafka")
        DEAD_LETTERS.labels(raw.topic).inc()

    def _reason(self, error: str, attempts: int) -> list[tuple[str, str | bytes | None]]:
        return [
            ("dl_error", error[:MAX_REASON]),
            ("dl_attempts", str(attempts)),
            ("dl_service", self._service),
            ("dl_at", datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")),
        ]


def _original(raw: Raw) -> list[tuple[str, str | bytes | None]]:
    return [(name, value) for name, value in raw.headers if not name.startswith(PREFIX)]
