"""Reading again what Redis has lost: its last second after a crash, everything after it was emptied.

Beside the effects of messages Redis keeps, for each partition, the offset that they reach. It is written
after them, so whatever Redis loses, it never says more than it has. After each turn the consumer compares:
where Redis reaches less far than the consumer did, it goes back to where Redis stands. Where Redis knows
nothing of a partition of `product.events`, a compacted topic that keeps the newest event of each product,
it reads it from the beginning, and until the end is reached the copy of the catalogue is not complete.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition

from apps.basket.product_copy import COMPLETE, WHOLE
from apps.basket.scripts import redis, run
from shared.contracts.topics import PRODUCT_EVENTS
from shared.messaging.envelope import Raw

logger = logging.getLogger(__name__)

# A hash: "topic/partition" -> the offset after the last message whose effect is in here.
PROGRESS = "progress"
TIMEOUT = 5.0  # seconds to wait for Kafka's answer
NOTHING = -1

Partition = tuple[str, int]  # topic and partition
Offsets = dict[Partition, int]


class OffsetRecovery:
    """The consumer's `after_turn`. Knows only the partitions that this process has."""

    def __init__(self) -> None:
        self._reached: Offsets = {}
        # Of the partitions that are not yet read to their end: where that is, once Kafka has said so.
        self._ends: dict[Partition, int | None] = {}
        # How many partitions the catalogue has: six where an earlier release made the topic.
        self._partitions = 0

    def __call__(self, kafka: Consumer, handled: Sequence[Raw]) -> None:
        """Note how far `handled` reaches, and go back where Redis does not reach as far."""
        try:
            self._follow(kafka, handled)
        except KafkaException as error:
            logger.warning("Kafka does not answer; asking again later: %s", error)

    def _follow(self, kafka: Consumer, handled: Sequence[Raw]) -> None:
        before = self._meet(kafka, handled)
        self._reached = {**before, **_ends_of(handled, before)}
        for partition, offset in _advance(before, self._reached).items():
            self._go_back(kafka, partition, offset)
        self._finish(kafka)

    def _meet(self, kafka: Consumer, handled: Sequence[Raw]) -> Offsets:
        """Where each partition of this process stood before this turn; for a new one that is what Kafka says."""
        assigned = [(p.topic, p.partition) for p in kafka.assignment()]
        new = [partition for partition in assigned if partition not in self._reached]
        if not new:
            return {partition: self._reached[partition] for partition in assigned}
        started = {**_committed(kafka, new), **_starts_of(handled), **self._reached}
        if any(topic == PRODUCT_EVENTS.name for topic, _ in new):
            self._partitions = _partitions(kafka)
            _complete(self._partitions)  # a release before this one said it of each partition only
        self._ends.update(dict.fromkeys(_incomplete(new)))
        return {partition: started[partition] for partition in assigned}

    def _go_back(self, kafka: Consumer, partition: Partition, offset: int) -> None:
        if offset != NOTHING:
            logger.warning("Redis lost what came after %s[%d]@%d: it is read again", *partition, offset)
            kafka.seek(TopicPartition(*partition, offset))
            self._reached[partition] = offset
        elif partition[0] == PRODUCT_EVENTS.name:
            self._begin(kafka, partition)
        else:
            # The baskets are gone as well: there is nothing that old commands could be repeated on.
            _save_offset(partition, self._reached[partition])

    def _begin(self, kafka: Consumer, partition: Partition) -> None:
        """Read a partition of the catalogue from its beginning."""
        logger.warning("The copy of %s[%d] is not there: it is read from the beginning", *partition)
        # In this order a kill at any point leaves Redis saying that it knows less than it does.
        redis().delete(WHOLE)
        redis().srem(COMPLETE, partition[1])
        kafka.seek(TopicPartition(*partition, OFFSET_BEGINNING))
        _save_offset(partition, 0)
        self._reached[partition], self._ends[partition] = 0, None

    def _finish(self, kafka: Consumer) -> None:
        """Say which partitions of the catalogue have been read to the end that they had when reading began."""
        ends = {partition: end for partition, end in self._ends.items() if partition in self._reached}
        self._ends = {
            partition: _end_of(kafka, partition) if end is None else end for partition, end in ends.items()
        }
        done = {p for p, end in self._ends.items() if end is not None and self._reached[p] >= end}
        if done:
            _complete(self._partitions, *(partition for _, partition in done))
            logger.info(
                "The copy of the catalogue is complete for %s", ", ".join(map(_name_of, sorted(done)))
            )
        self._ends = {partition: end for partition, end in self._ends.items() if partition not in done}


def _advance(before: Offsets, reached: Offsets) -> Offsets:
    """Write down what was reached; returns the places, and their offsets, where Redis has less than `before`."""
    if not reached:
        return {}
    args = [
        value
        for partition in reached
        for value in (_name_of(partition), before[partition], reached[partition])
    ]
    return {_partition(name): offset for name, offset in run("advance", [PROGRESS], args)}


def _complete(partitions: int, *done: int) -> None:
    run("complete", [COMPLETE, WHOLE], [partitions, *done])


def _partitions(kafka: Consumer) -> int:
    """How many partitions the catalogue's topic has; raises KafkaException where a broker cannot say that now."""
    topic = kafka.list_topics(PRODUCT_EVENTS.name, timeout=TIMEOUT).topics[PRODUCT_EVENTS.name]
    if topic.error is not None or not topic.partitions:
        raise KafkaException(topic.error)
    return len(topic.partitions)


def _save_offset(partition: Partition, offset: int) -> None:
    redis().hset(PROGRESS, _name_of(partition), str(offset))


def _starts_of(handled: Sequence[Raw]) -> Offsets:
    return {(raw.topic, raw.partition): raw.offset for raw in reversed(handled)}


def _ends_of(handled: Sequence[Raw], partitions: Mapping[Partition, int]) -> Offsets:
    ends = {(raw.topic, raw.partition): raw.offset + 1 for raw in handled}
    return {partition: offset for partition, offset in ends.items() if partition in partitions}


def _committed(kafka: Consumer, partitions: Iterable[Partition]) -> Offsets:
    """Where Kafka began to give us each partition: what the group has committed, or its beginning."""
    found = kafka.committed([TopicPartition(*partition) for partition in partitions], timeout=TIMEOUT)
    return {(p.topic, p.partition): max(p.offset, 0) for p in found}


def _incomplete(partitions: Iterable[Partition]) -> list[Partition]:
    """The partitions of the catalogue that were not read to their end before."""
    complete = {int(partition) for partition in redis().smembers(COMPLETE)}
    return [
        partition
        for partition in partitions
        if partition[0] == PRODUCT_EVENTS.name and partition[1] not in complete
    ]


def _end_of(kafka: Consumer, partition: Partition) -> int | None:
    """Where a partition ends, as Kafka said with the last messages from it; None where it has not said yet.

    Asking anew would wait behind the fetch that is under way, half a second for each partition.
    """
    _, high = kafka.get_watermark_offsets(TopicPartition(*partition), cached=True)
    return high if high >= 0 else None


def _name_of(partition: Partition) -> str:
    return f"{partition[0]}/{partition[1]}"


def _partition(name: bytes) -> Partition:
    topic, _, partition = name.decode().rpartition("/")
    return topic, int(partition)
