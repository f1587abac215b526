"""How old a copy may be: for how long its sender may have changed without this service knowing.

Measured for the topics on which everything is in order, since only of those a service can know that it has all that was
said up to some moment. That moment is the time of the newest event that was handled, or the last one at which Kafka
had nothing more to give: so the age stays small while nothing happens, and grows when Kafka is out of reach, a message
waits for another try, or the consumer falls behind. Kafka is looked at with its client's statistics, every few seconds.

Add the sender's `outbox_oldest_seconds` for what has not reached Kafka yet.
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from prometheus_client import REGISTRY
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from shared.contracts import Message
from shared.contracts.topics import ORDERED
from shared.messaging.envelope import Raw, Received

ONLY = "0"  # the partition that everything new goes into


class CopyAge(Collector):
    """The ages of one process's copies: `copy_age_seconds{topic}`, of those topics that it is given to read."""

    def __init__(self) -> None:
        self._handled: dict[tuple[str, int], int] = {}
        self._known_until: dict[str, float] = {}
        self._read: frozenset[str] = frozenset()
        self.held_up: frozenset[str] = frozenset()

    def handled(self, raws: Sequence[Raw], messages: Iterable[Received[Message]]) -> None:
        """The consumer is done with `raws`; `messages` are what could be understood of them."""
        for raw in raws:
            if raw.topic in ORDERED:
                self._handled[raw.topic, raw.partition] = raw.offset + 1
        for message in messages:
            if message.raw.topic in ORDERED and message.raw.topic not in self.held_up:
                self._know(message.raw.topic, message.time.timestamp())

    def forget(self, places: Iterable[tuple[str, int]]) -> None:
        """These partitions come anew: how far another process has read them meanwhile, Kafka knows."""
        for place in places:
            self._handled.pop(place, None)

    def look(self, said: Mapping[str, Any]) -> None:
        """Take what the Kafka client tells of itself (librdkafka's STATISTICS.md)."""
        found = {name: topic["partitions"] for name, topic in said["topics"].items() if name in ORDERED}
        read = {name: _active(partitions) for name, partitions in found.items()}
        self._read = frozenset(name for name, partitions in read.items() if ONLY in partitions)
        for name in self._read - self.held_up:
            if all(self._is_at_its_end(name, number, each) for number, each in read[name].items()):
                self._know(name, time.time() - _silence(said, read[name][ONLY]))

    def collect(self) -> Iterator[Metric]:
        """What Prometheus asks for."""
        ages = GaugeMetricFamily(
            "copy_age_seconds", "For how long the sender may have changed unnoticed", labels=["topic"]
        )
        for name in self._read & self._known_until.keys():
            ages.add_metric([name], max(0.0, time.time() - self._known_until[name]))
        yield ages

    def _know(self, topic: str, until: float) -> None:
        self._known_until[topic] = max(until, self._known_until.get(topic, 0.0))

    def _is_at_its_end(self, topic: str, number: str, partition: Mapping[str, Any]) -> bool:
        end = partition["hi_offset"]
        reached = self._handled.get((topic, int(number)), partition["committed_offset"])
        return bool(end >= 0 and (reached >= end or end == max(partition["lo_offset"], 0)))


def _active(partitions: Mapping[str, Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    return {number: each for number, each in partitions.items() if each["fetch_state"] == "active"}


def _silence(said: Mapping[str, Any], partition: Mapping[str, Any]) -> float:
    """Seconds since anything came from the broker that has the partition; an answer comes twice a second at least."""
    idle = [each["rxidle"] for each in said["brokers"].values() if each["nodeid"] == partition["leader"]]
    return max(0, *idle) / 1_000_000 if idle else 0.0


COPY_AGE = CopyAge()
REGISTRY.register(COPY_AGE)
