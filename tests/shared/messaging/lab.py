"""A small service of its own for the tests of `shared.messaging`: one contract, one table, topics nobody else has.

Nothing in it is a stand-in: the database and Kafka are the real ones, the consumer and the relay are what
every service runs. Its messages are of no service, so that no service that is up meets the poison of a test.
"""

import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import Consumer as KafkaConsumer
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from django.conf import settings
from django.db import connection, connections

from shared.contracts.message import Count, Message
from shared.contracts.topics import Topic
from shared.messaging import kafka
from shared.messaging.consumer import Consumer
from shared.messaging.dead_letters import DeadLetterQueue
from shared.messaging.dispatch import Handlers
from shared.messaging.envelope import MAX_PAYLOAD, Raw, Received
from shared.messaging.inbox import SqlInbox
from shared.testing.messages import raw

PARTITIONS = 2
WAIT_SECONDS = (
    30.0  # seconds: less than the tries of a failing message take, so what was held up by one is seen
)
# A dead letter without Kafka's word is sent again, and the tests count letters: Kafka may take its time.
GIVES_UP_AFTER = 30_000  # milliseconds
WORD_WITHIN = GIVES_UP_AFTER / 1000 + 5  # seconds
TABLE = "CREATE TABLE IF NOT EXISTS lab_effect (id bigserial PRIMARY KEY, about text NOT NULL, text text NOT NULL)"
NOWHERE = Topic("lab.nowhere")  # a test's fixture puts its own topic in its place


class Note(Message):
    """The message of the laboratory: `text` about something, `amount` times."""

    TYPE = "lab.note.v1"
    TOPIC = NOWHERE

    about: str
    text: str
    amount: Count = 1

    @property
    def key(self) -> str:
        """What it is about."""
        return self.about


class Gossip(Note):
    """A type on the same topic that the laboratory has no handler for."""

    TYPE = "lab.gossip.v1"


class Boom(Exception):
    """What a handler raises when a test says so."""


def write(about: str, text: str) -> None:
    """The effect of a note: a row, so that a second effect cannot hide."""
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO lab_effect (about, text) VALUES (%s, %s)", [about, text])


@dataclass(eq=False)
class Desk:
    """A handler whose behaviour a test sets: texts in `failing` raise; `calls` are the batches it was given."""

    failing: dict[str, Exception] = field(default_factory=dict)
    calls: list[list[str]] = field(default_factory=list)
    before: Callable[[str], object] = lambda _: None

    def __call__(self, batch: Sequence[Received[Note]]) -> None:
        """Write each note down."""
        self.calls.append([received.message.text for received in batch])
        for received in batch:
            note = received.message
            self.before(note.text)
            write(note.about, note.text)
            if note.text in self.failing:
                raise self.failing[note.text]


class Lab:
    """Topics, a group and a table for one test."""

    def __init__(self) -> None:
        self.bootstrap: str = settings.ENVIRONMENT.kafka
        self.topic = Topic(f"lab.{uuid.uuid4().hex[:12]}")
        self.group = f"lab-{uuid.uuid4().hex[:12]}"
        self.desk = Desk()
        self.gives_up_after = GIVES_UP_AFTER
        self._admin = AdminClient({"bootstrap.servers": self.bootstrap})
        self._producer = kafka.producer(self.bootstrap, "lab")

    def create(self, name: str, partitions: int = PARTITIONS, *, largest: int = 9 * MAX_PAYLOAD) -> None:
        """Make a topic that takes messages of `largest` bytes."""
        config = {"max.message.bytes": str(largest)}
        topic = NewTopic(name, num_partitions=partitions, replication_factor=1, config=config)
        self._admin.create_topics([topic])[name].result(20)

    def delete(self, *names: str) -> None:
        """Take topics away."""
        for future in self._admin.delete_topics(list(names)).values():
            future.result(20)

    def note(self, text: str, about: str = "a", id: str | None = None, **fields: Any) -> Raw:
        """A good message as it lies on the topic."""
        return raw(Note(about=about, text=text, **fields), id)

    def send(self, *messages: Raw) -> None:
        """Put messages on the topic, and do not return before Kafka has them."""
        self.send_to(self.topic.name, *messages)

    def send_to(self, topic: str, *messages: Raw) -> None:
        """The same with another topic."""
        for message in messages:
            self._producer.produce(topic, message.payload, message.key, headers=list(message.headers))
        assert self._producer.flush(20) == 0

    def consumer(self, handlers: Handlers | None = None, **options: Any) -> Consumer:
        """A consumer as every service runs it."""
        dead_letters = DeadLetterQueue(self._producer_of_dead_letters, "lab")
        return Consumer(
            kafka=kafka.consumer(self.bootstrap, self.group),
            handlers=handlers or {Note: self.desk},
            inbox=SqlInbox(),
            dead_letters=options.pop("dead_letters", dead_letters),
            **options,
        )

    def _producer_of_dead_letters(self) -> Producer:
        return kafka.producer(self.bootstrap, "lab", gives_up_after=self.gives_up_after)

    @contextmanager
    def running(self, *consumers: Consumer) -> Iterator[None]:
        """Run consumers on threads of their own; what ends one of them fails the test."""
        runs = [Running(consumer) for consumer in consumers or (self.consumer(),)]
        try:
            yield
        finally:
            for run in runs:
                run.stop()
        assert [run.error for run in runs if run.error] == []

    def effects(self, about: str | None = None) -> list[str]:
        """The texts that were written, in the order of their effects."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT about, text FROM lab_effect ORDER BY id")
            return [text for owner, text in cursor.fetchall() if about in {None, owner}]

    def dead_letters(self) -> list[Raw]:
        """Everything on the dead-letter topic."""
        return read_all(self.bootstrap, self.topic.dead_letter)

    def committed(self, topic: str = "") -> int:
        """The sum of the group's offsets: how many messages of a topic it says it is done with."""
        reader = kafka.consumer(self.bootstrap, self.group)
        name = topic or self.topic.name
        numbers = reader.list_topics(name, timeout=10).topics[name].partitions
        places = [TopicPartition(name, number) for number in numbers]
        try:
            return sum(max(place.offset, 0) for place in reader.committed(places, timeout=10))
        finally:
            reader.close()


class Running:
    """A consumer on a thread."""

    def __init__(self, consumer: Consumer) -> None:
        self.consumer = consumer
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.consumer.run()
        except BaseException as error:  # noqa: BLE001 - it is shown by the test that waits for it
            self.error = error
        finally:
            connections.close_all()

    def stop(self) -> None:
        """Ask it to stop, and wait until it has."""
        self.consumer.stop()
        self._thread.join(20)
        assert not self._thread.is_alive(), "the consumer did not stop"


def eventually(
    holds: Callable[[], object], within: float = WAIT_SECONDS, why: Callable[[], object] | None = None
) -> None:
    """Wait until `holds()` is true; fail after `within` seconds with what `why()` says."""
    deadline = time.monotonic() + within
    while not holds():
        assert time.monotonic() < deadline, why() if why else "it did not happen in time"
        time.sleep(0.05)


def read_all(bootstrap: str, topic: str) -> list[Raw]:
    """Every message that is on `topic` now."""
    reader = KafkaConsumer({"bootstrap.servers": bootstrap, "group.id": f"reader-{os.getpid()}"})
    try:
        names = reader.list_topics(topic, timeout=10).topics[topic].partitions
        ends = {number: reader.get_watermark_offsets(TopicPartition(topic, number))[1] for number in names}
        reader.assign([TopicPartition(topic, number, 0) for number, end in ends.items() if end])
        found: list[Raw] = []
        while len(found) < sum(ends.values()):
            message = reader.poll(WAIT_SECONDS)
            assert message is not None, f"{topic} has fewer messages than it says"
            found.append(_raw(message))
        return found
    finally:
        reader.close()


def _raw(message: Any) -> Raw:
    assert message.error() is None
    place = message.topic(), message.partition(), message.offset()
    return Raw(*place, message.key(), message.headers() or [], message.value() or b"")


def header(message: Raw, name: str) -> str | None:
    """The value of a header, None where it is absent."""
    return next(((value or b"").decode() for each, value in message.headers if each == name), None)


def replaced(message: Raw, *, key: Any = ..., payload: bytes | None = None, **headers: str | None) -> Raw:
    """`message` with another key, payload or headers; a header that becomes None is taken away."""
    kept = [(name, value) for name, value in message.headers if name not in headers]
    new = [(name, value.encode()) for name, value in headers.items() if value is not None]
    return Raw(
        message.topic,
        message.partition,
        message.offset,
        message.key if key is ... else key,
        [*kept, *new],
        message.payload if payload is None else payload,
    )
