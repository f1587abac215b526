"""Kafka from outside: what is on the topics, messages that no outbox has sent, how far the consumers are."""

import contextlib
import time
from collections.abc import Iterable, Iterator, Sequence

from confluent_kafka import (
    Consumer,
    ConsumerGroupState,
    ConsumerGroupTopicPartitions,
    KafkaError,
    Producer,
    TopicPartition,
)
from confluent_kafka import Message as KafkaMessage
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from tests.system.messages import (
    COLLECTOR,
    DEAD_LETTER,
    GROUPS,
    LISTENERS,
    OF_LETTERS,
    PARTITIONS,
    REPLAYS,
    Message,
    from_kafka,
)
from tests.system.waiting import HEAL, eventually

LARGEST = 9 * 1024 * 1024  # bytes of a message
TIMEOUT = 30.0  # seconds for one answer of Kafka's
Partition = tuple[str, int]  # topic and partition


class Topics:
    """The topics of one platform."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self.reconnect()

    def reconnect(self) -> None:
        """Kafka was away for longer than its client bears with (`kafka.ClientWatchdog`)."""
        # One for all questions: a client that nobody holds any more ends before its answers come.
        self._admin = AdminClient({"bootstrap.servers": self._bootstrap})

    def send(self, messages: Iterable[Message]) -> None:
        """Put messages on their topics, in this order, and into the partition that they name."""
        producer = Producer(
            {
                "bootstrap.servers": self._bootstrap,
                "acks": "all",
                "message.max.bytes": LARGEST,
                "linger.ms": 5,
            }
        )
        failures: list[KafkaError] = []

        def delivered(error: KafkaError | None, _: KafkaMessage) -> None:
            if error is not None:
                failures.append(error)

        for each in messages:
            headers: list[tuple[str, str | bytes | None]] = [*each.headers]
            producer.produce(each.topic, each.value, each.key, each.partition, delivered, headers=headers)
            producer.poll(0)
        assert producer.flush(TIMEOUT) == 0, "Kafka did not take everything"
        assert not failures, failures[:3]

    def settings(self, topic: str) -> dict[str, str | None]:
        """What the topic is told, and what Kafka takes where it is told nothing."""
        resource = ConfigResource(ResourceType.TOPIC, topic)
        found = self._admin.describe_configs([resource])[resource].result(timeout=TIMEOUT)
        return {name: entry.value for name, entry in found.items()}

    def set(self, topic: str, **settings: str) -> None:
        """Tell the topic something; underscores stand for the dots of a setting's name."""
        entries = [
            ConfigEntry(name.replace("_", "."), value, incremental_operation=AlterConfigOpType.SET)
            for name, value in settings.items()
        ]
        resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=entries)
        for change in self._admin.incremental_alter_configs([resource]).values():
            change.result(timeout=TIMEOUT)

    def all_of(self, *topics: str) -> list[Message]:
        """Everything that is on these topics now, oldest first within each partition."""
        with self._reader("tests-that-only-read") as reader:
            ends = {partition: high for partition in _partitions(topics) if (high := _end(reader, partition))}
            reader.assign([TopicPartition(*partition, 0) for partition in ends])
            return list(_read(reader, ends))

    def wait_until_handled(self, within: float = 2 * HEAL) -> None:
        """Every consumer has committed everything that is on its topics, and every dead letter is collected."""
        with contextlib.ExitStack() as stack:
            readers = {group: stack.enter_context(self._reader(group)) for group in GROUPS}
            for _ in range(2):  # what is given up in the first round is seen in the second
                eventually(
                    lambda: {
                        group: behind
                        for group, reader in readers.items()
                        if (behind := _behind(group, reader))
                    },
                    lambda behind: not behind,
                    within=within,
                    what="every consumer at the end of its topics",
                )

    def wait_until_abandoned(self, groups: Sequence[str]) -> None:
        """No process is a member of these groups any more."""
        eventually(
            lambda: [
                group
                for group, found in self._admin.describe_consumer_groups(list(groups)).items()
                if found.result(TIMEOUT).state != ConsumerGroupState.EMPTY
            ],
            lambda inhabited: not inhabited,
            what="consumer groups without members",
        )

    def forget_offsets(self, group: str) -> None:
        """The group begins every topic anew; nobody may be a member of it."""
        partitions = [TopicPartition(*partition, 0) for partition in _partitions(_topics_of(group))]
        changes = self._admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(group, partitions)])
        for change in changes.values():
            assert not [
                partition for partition in change.result(TIMEOUT).topic_partitions or [] if partition.error
            ]

    @contextlib.contextmanager
    def _reader(self, group: str) -> Iterator[Consumer]:
        settings = {"group.id": group, "enable.auto.commit": False, "auto.offset.reset": "earliest"}
        reader = Consumer(
            {"bootstrap.servers": self._bootstrap, "fetch.message.max.bytes": LARGEST, **settings}
        )
        try:
            yield reader
        finally:
            reader.close()


def _topics_of(group: str) -> list[str]:
    return [topic for topic, groups in LISTENERS.items() if group in groups]


def _partitions(topics: Iterable[str]) -> list[Partition]:
    return [(topic, number) for topic in topics for number in range(_partition_count(topic))]


def _partition_count(topic: str) -> int:
    return 1 if topic.endswith(REPLAYS) else PARTITIONS.get(topic, OF_LETTERS)


def _range(reader: Consumer, partition: Partition) -> tuple[int, int]:
    found = reader.get_watermark_offsets(TopicPartition(*partition), timeout=TIMEOUT)
    assert found, f"Kafka does not say what there is of {partition}"
    return found


def _end(reader: Consumer, partition: Partition) -> int:
    """Where the partition ends; 0 where nothing is in it."""
    low, high = _range(reader, partition)
    return high if high > low else 0


def _read(reader: Consumer, ends: dict[Partition, int]) -> Iterator[Message]:
    until = time.monotonic() + TIMEOUT
    while ends:
        found = reader.poll(0.5)
        if found is None:  # a compacted topic may have nothing at its very end
            ends = {partition: end for partition, end in ends.items() if _position(reader, partition) < end}
            assert time.monotonic() < until, f"Kafka does not give what it has: {ends}"
            continue
        error = found.error()
        assert error is None, error
        until = time.monotonic() + TIMEOUT
        each = from_kafka(found)
        if each.offset + 1 >= ends.get((each.topic, each.partition), 0):
            ends.pop((each.topic, each.partition), None)
        yield each


def _position(reader: Consumer, partition: Partition) -> int:
    return int(reader.position([TopicPartition(*partition)])[0].offset)


def _behind(group: str, reader: Consumer) -> int:
    behind = 0
    topics = [
        *_topics_of(group),
        group + REPLAYS,
        *([topic + DEAD_LETTER for topic in LISTENERS] if group == COLLECTOR else []),
    ]
    for partition in reader.committed(
        [TopicPartition(*partition) for partition in _partitions(topics)], timeout=TIMEOUT
    ):
        low, high = _range(reader, (partition.topic, partition.partition))
        behind += high - max(partition.offset, low)
    return behind
