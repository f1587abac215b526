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

from apps.basket.catalogue import COMPLETE, WHOLE
from apps.basket.scripts import redis, run
from shared.contracts.topics import PRODUCT_EVENTS
from shared.messaging.envelope import Raw

logger = logging.getLogger(__name__)

# A hash: "topic/partition" -> the offset after the last message whose effect is in here.
PROGRESS = "progress"
TIMEOUT = 5.0  # seconds to wait for Kafka's answer
NOTHING = -1

Place = tuple[str, int]  # topic and partition
Offsets = dict[Place, int]


class Progress:
    """The consumer's `AFTER_TURN`. Knows only the partitions that this process has."""

    def __init__(self) -> None:
        self._reached: Offsets = {}
        # Of the partitions that are not yet read to their end: where that is, once Kafka has said so.
        self._ends: dict[Place, int | None] = {}
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
        for place, offset in _advance(before, self._reached).items():
            self._go_back(kafka, place, offset)
        self._finish(kafka)

    def _meet(self, kafka: Consumer, handled: Sequence[Raw]) -> Offsets:
        """Where each partition of this process stood before this turn; for a new one that is what Kafka says."""
        assigned = [(p.topic, p.partition) for p in kafka.assignment()]
        new = [place for place in assigned if place not in self._reached]
        if not new:
            return {place: self._reached[place] for place in assigned}
        started = {**_committed(kafka, new), **_starts_of(handled), **self._reached}
        if any(topic == PRODUCT_EVENTS.name for topic, _ in new):
            self._partitions = _partitions(kafka)
            _complete(self._partitions)  # a release before this one said it of each partition only
        self._ends.update(dict.fromkeys(_incomplete(new)))
        return {place: started[place] for place in assigned}

    def _go_back(self, kafka: Consumer, place: Place, offset: int) -> None:
        if offset != NOTHING:
            logger.warning("Redis lost what came after %s[%d]@%d: it is read again", *place, offset)
            kafka.seek(TopicPartition(*place, offset))
            self._reached[place] = offset
        elif place[0] == PRODUCT_EVENTS.name:
            self._begin(kafka, place)
        else:
            # The baskets are gone as well: there is nothing that old commands could be repeated on.
            _note(place, self._reached[place])

    def _begin(self, kafka: Consumer, place: Place) -> None:
        """Read a partition of the catalogue from its beginning."""
        logger.warning("The copy of %s[%d] is not there: it is read from the beginning", *place)
        # In this order a kill at any point leaves Redis saying that it knows less than it does.
        redis().delete(WHOLE)
        redis().srem(COMPLETE, place[1])
        kafka.seek(TopicPartition(*place, OFFSET_BEGINNING))
        _note(place, 0)
        self._reached[place], self._ends[place] = 0, None

    def _finish(self, kafka: Consumer) -> None:
        """Say which partitions of the catalogue have been read to the end that they had when reading began."""
        ends = {place: end for place, end in self._ends.items() if place in self._reached}
        self._ends = {place: _end_of(kafka, place) if end is None else end for place, end in ends.items()}
        done = {p for p, end in self._ends.items() if end is not None and self._reached[p] >= end}
        if done:
            _complete(self._partitions, *(partition for _, partition in done))
            logger.info("The copy of the catalogue is complete for %s", ", ".join(map(_name, sorted(done))))
        self._ends = {place: end for place, end in self._ends.items() if place not in done}


def _advance(before: Offsets, reached: Offsets) -> Offsets:
    """Write down what was reached; returns the places, and their offsets, where Redis has less than `before`."""
    if not reached:
        return {}
    args = [value for place in reached for value in (_name(place), before[place], reached[place])]
    return {_place(name): offset for name, offset in run("advance", [PROGRESS], args)}


def _complete(partitions: int, *done: int) -> None:
    run("complete", [COMPLETE, WHOLE], [partitions, *done])


def _partitions(kafka: Consumer) -> int:
    """How many partitions the catalogue's topic has; raises KafkaException where a broker cannot say that now."""
    topic = kafka.list_topics(PRODUCT_EVENTS.name, timeout=TIMEOUT).topics[PRODUCT_EVENTS.name]
    if topic.error is not None or not topic.partitions:
        raise KafkaException(topic.error)
    return len(topic.partitions)


def _note(place: Place, offset: int) -> None:
    redis().hset(PROGRESS, _name(place), str(offset))


def _starts_of(handled: Sequence[Raw]) -> Offsets:
    return {(raw.topic, raw.partition): raw.offset for raw in reversed(handled)}


def _ends_of(handled: Sequence[Raw], places: Mapping[Place, int]) -> Offsets:
    ends = {(raw.topic, raw.partition): raw.offset + 1 for raw in handled}
    return {place: offset for place, offset in ends.items() if place in places}


def _committed(kafka: Consumer, places: Iterable[Place]) -> Offsets:
    """Where Kafka began to give us each partition: what the group has committed, or its beginning."""
    found = kafka.committed([TopicPartition(*place) for place in places], timeout=TIMEOUT)
    return {(p.topic, p.partition): max(p.offset, 0) for p in found}


def _incomplete(places: Iterable[Place]) -> list[Place]:
    """The partitions of the catalogue that were not read to their end before."""
    complete = {int(partition) for partition in redis().smembers(COMPLETE)}
    return [place for place in places if place[0] == PRODUCT_EVENTS.name and place[1] not in complete]


def _end_of(kafka: Consumer, place: Place) -> int | None:
    """Where a partition ends, as Kafka said with the last messages from it; None where it has not said yet.

    Asking anew would wait behind the fetch that is under way, half a second for each partition.
    """
    _, high = kafka.get_watermark_offsets(TopicPartition(*place), cached=True)
    return high if high >= 0 else None


def _name(place: Place) -> str:
    return f"{place[0]}/{place[1]}"


def _place(name: bytes) -> Place:
    topic, _, partition = name.decode().rpartition("/")
    return topic, int(partition)
