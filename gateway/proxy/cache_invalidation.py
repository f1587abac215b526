"""Hears that something was said on a topic, as soon as it is said: who keeps copies for a moment lets go of them.

No offset is remembered and no group is joined: what was said while nobody listened is of no interest. While
Kafka is away nothing is heard, and nothing else happens.
"""

import logging
import threading
from collections.abc import Callable

from confluent_kafka import Consumer, KafkaException, TopicPartition

from shared.messaging import kafka

logger = logging.getLogger(__name__)

LOOK_SECONDS = 0.5  # so long may the end of the thread take
ANSWER_SECONDS = 2.0  # for Kafka to say which partitions there are
AGAIN_SECONDS = 2.0


class TopicListener:
    """Calls `heard` from a thread of its own whenever `topic` has something new."""

    def __init__(self, bootstrap: str, topic: str, heard: Callable[[], object]) -> None:
        self._bootstrap = bootstrap
        self._topic = topic
        self._heard = heard
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="events", daemon=True)

    def start(self) -> None:
        """Start the thread that listens."""
        self._thread.start()

    def close(self) -> None:
        """Stop listening; waits for the thread."""
        self._ended.set()
        self._thread.join(2 * (LOOK_SECONDS + ANSWER_SECONDS))

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                self._listen()
            except kafka.ClientStalled as error:
                logger.warning("%s: listening anew", error)

    def _listen(self) -> None:
        reader = kafka.reader(self._bootstrap, "gateway")
        try:
            self._begin(reader)
            while not self._ended.is_set():
                said = reader.consume(100, LOOK_SECONDS)
                if any(message.error() is None for message in said):
                    self._heard()
        finally:
            reader.close()

    def _begin(self, reader: Consumer) -> None:
        while not self._ended.is_set():
            if places := self._places(reader):
                reader.assign(places)
                self._heard()  # of whatever was said before these places
                logger.info("Listening to %s", self._topic)
                return
            self._ended.wait(AGAIN_SECONDS)

    def _places(self, reader: Consumer) -> list[TopicPartition]:
        try:
            found = reader.list_topics(self._topic, ANSWER_SECONDS).topics[self._topic]
            return [self._end(reader, number) for number in found.partitions]
        except KafkaException as error:
            logger.info("Kafka cannot be asked about %s: %s", self._topic, error)
            return []

    def _end(self, reader: Consumer, partition: int) -> TopicPartition:
        place = TopicPartition(self._topic, partition)
        place.offset = reader.get_watermark_offsets(place, ANSWER_SECONDS)[1]
        return place
