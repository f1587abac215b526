"""Reading again what Redis has lost: its last second after a crash, everything after it was emptied.

Beside the effects of messages Redis keeps, for each partition, the offset that they reach. It is written
after them, so whatever Redis loses, it never says more than it has. After each turn the consumer compares:
where Redis reaches less far than the consumer did, it goes back to where Redis stands. Where Redis knows
nothing of a partition of `product.events`, a compacted topic that keeps the newest event of each product,
it reads it from the beginning, and until the end is reached the copy of the catalogue is not complete.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence

from confluent_kafka import Consumer, KafkaException, TopicPartition

from apps.basket.catalogue import COMPLETE
from apps.basket.scripts import redis, run
from shared.contracts.topics import PRODUCT_EVENTS
from shared.messaging.envelope import Raw

logger = logging.getLogger(__name__)

PROGRESS = "progress"  # a hash: "topic/partition" -> the offset after the last message whose effect is in here
TIMEOUT = 5.0  # seconds to wait for Kafka's answer
NOTHING = -1

Place = tuple[str, int]  # topic and partition
Offsets = dict[Place, int]


class Progress:
    """The consumer's `AFTER_TURN`. Knows only the partitions that this process has."""

    def __init__(self) -> None:
        self._reached: Offsets = {}
        self._ends: Offsets = {}  # of partitions being read from the beginning: where that is done

    def __call__(self, kafka: Consumer, handled: Sequence[Raw]) -> None:
        """Note how far `handled` reaches, and go back where Redis does not reach as far."""
        try:
            self._follow(kafka, handled)
        except KafkaException as error:
            logger.warning("Kafka does not say how far it has got; asking again after the next messages: %s", error)

    def _follow(self, kafka: Consumer, handled: Sequence[Raw]) -> None:
        before = self._meet(kafka, handled)
        self._reached = {**before, **_ends_of(handled, before)}
        for place, offset in _advance(before, self._reached).items():
            self._go_back(kafka, place, offset)
        self._finish()

    def _meet(self, kafka: Consumer, handled: Sequence[Raw]) -> Offsets:
        """Where each partition of this process stood before this turn; for a new one that is what Kafka says."""
        assigned = [(p.topic, p.partition) for p in kafka.assignment()]
        new = [place for place in assigned if place not in self._reached]
        if not new:
            return {place: self._reached[place] for place in assigned}
        started = {**_committed(kafka, new), **_starts_of(handled), **self._reached}
        self._ends.update(_ends_to_reach(kafka, new))
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
        low, high = kafka.get_watermark_offsets(TopicPartition(*place), timeout=TIMEOUT)
        logger.warning("The copy of %s[%d] is gone: it is read again up to %d", *place, high)
        # In this order a kill at any point leaves Redis saying that it knows less than it does.
        redis().srem(COMPLETE, place[1])
        kafka.seek(TopicPartition(*place, low))
        _note(place, low)
        self._reached[place], self._ends[place] = low, high

    def _finish(self) -> None:
        done = [place for place, end in self._ends.items() if self._reached.get(place, NOTHING) >= end]
        if done:
            redis().sadd(COMPLETE, *(partition for _, partition in done))
            logger.info("The copy of the catalogue is complete for %s", ", ".join(f"{t}[{p}]" for t, p in done))
        self._ends = {place: end for place, end in self._ends.items() if place in self._reached and place not in done}


def _advance(before: Offsets, reached: Offsets) -> Offsets:
    """Write down what was reached; returns the places, and their offsets, where Redis has less than `before`."""
    if not reached:
        return {}
    args = [value for place in reached for value in (_name(place), before[place], reached[place])]
    return {_place(name): offset for name, offset in run("advance", [PROGRESS], args)}


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


def _ends_to_reach(kafka: Consumer, places: Iterable[Place]) -> Offsets:
    """The ends of those partitions of the catalogue that have not been read to their end before."""
    complete = {int(partition) for partition in redis().smembers(COMPLETE)}
    wanted = [place for place in places if place[0] == PRODUCT_EVENTS.name and place[1] not in complete]
    return {place: kafka.get_watermark_offsets(TopicPartition(*place), timeout=TIMEOUT)[1] for place in wanted}


def _name(place: Place) -> str:
    return f"{place[0]}/{place[1]}"


def _place(name: bytes) -> Place:
    topic, _, partition = name.decode().rpartition("/")
    return topic, int(partition)
