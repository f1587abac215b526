"""The outbox in MongoDB reaches Kafka: in order, none lost, whatever is killed."""

import signal
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from django.conf import settings

from apps.product.mongodb import mongo
from shared.contracts import ProductUpdated, Topic
from shared.messaging import kafka
from shared.messaging.models import OutboxMessage
from shared.messaging.mongodb import LEASE, STATE, MongoOutbox
from shared.messaging.relay import BATCH, Relay
from tests.product.relay_harness import (
    RelayProcess,
    arrived,
    events_on,
    new_topic,
    nothing_waits,
    publish,
    running_relay,
    waiting,
)

if TYPE_CHECKING:
    from tests.product.conftest import MakeProduct
    from tests.product.mongod import Mongod

WRITERS, CHANGES = 4, 10


@pytest.fixture(autouse=True)
def no_lease(empty_store: None) -> None:
    """No earlier test's relay holds the lease."""
    expire_lease()


@pytest.fixture
def topic() -> Iterator[str]:
    """A topic of the test's own."""
    with new_topic() as name:
        yield name


def expire_lease() -> None:
    mongo.get_collection(STATE).delete_one({"_id": LEASE})


def new_relay() -> Relay:
    return Relay(MongoOutbox(), kafka.producer(settings.ENVIRONMENT.kafka, "test"))


@pytest.mark.usefixtures("no_hurry")
def test_no_change_arrives_before_the_one_that_it_was_caused_by(
    topic: str, make_product: "MakeProduct", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Writers of two products look at both: each event says which version of the other product its writer saw.

    Red with ObjectIds as they come in `mongodb.number`, or with the rows in no order in `MongoOutbox.take`.
    """
    from apps.product import operations, queries, transactions

    both = [str(make_product(name).pk) for name in ("Cup", "Saucer")]
    OutboxMessage.objects.all().delete()
    monkeypatch.setattr(
        transactions, "TURN", threading.Semaphore(100)
    )  # as if each were a process of its own
    monkeypatch.setattr(ProductUpdated, "TOPIC", Topic(topic))

    @transactions.in_transaction
    def react(mine: str, other: str, number: int) -> None:
        seen = queries.product(other).version
        operations.change_product(mine, {"name": f"{seen} {number}"})

    def write(number: int) -> None:
        for count in range(CHANGES):
            mine, other = both if (number + count) % 2 else reversed(both)
            react(mine, other, 100 * number + count)

    with running_relay():
        threads = [threading.Thread(target=write, args=(number,)) for number in range(WRITERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert nothing_waits()

    known = dict.fromkeys(both, 1)
    for event in events_on(topic, WRITERS * CHANGES):
        (other,) = {*both} - {event["product_id"]}
        assert int(event["name"].split()[0]) == known[other]
        assert event["version"] == known[event["product_id"]] + 1
        known[event["product_id"]] = event["version"]
    assert sum(known.values()) == WRITERS * CHANGES + len(both)


def test_what_is_written_arrives_in_order_and_is_marked(topic: str) -> None:
    publish(topic, *range(1, 40))
    with running_relay():
        assert nothing_waits()
        publish(topic, 40, 41)
        assert nothing_waits()
    ids = [str(row.message_id) for row in OutboxMessage.objects.order_by("pk")]
    assert arrived(topic, 41) == list(zip(ids, range(1, 42), strict=True))


@pytest.mark.usefixtures("no_hurry")
def test_numbers_rise_in_the_order_of_commits(topic: str) -> None:
    threads = [threading.Thread(target=publish, args=(topic, version)) for version in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    publish(topic, 99)
    rows = list(OutboxMessage.objects.order_by("pk"))
    assert len(rows) == 11
    assert '"version":99' in rows[-1].payload
    numbers = [int(str(row.pk), 16) for row in rows]
    assert numbers == list(range(numbers[0], numbers[0] + 11))
    assert numbers[0] < 2**40  # counted, and not made of the time as other ObjectIds are


def test_the_store_wakes_the_relay(topic: str) -> None:
    source = MongoOutbox()
    assert source.acquire()
    assert source.take(10) == []
    threading.Timer(0.5, publish, args=(topic, 1)).start()
    started = time.monotonic()
    source.wait(20)
    assert time.monotonic() - started < 10
    assert len(source.take(10)) == 1


def test_a_message_written_between_look_and_wait_is_not_slept_over(topic: str) -> None:
    source = MongoOutbox()
    assert source.acquire()
    assert source.take(10) == []
    publish(topic, 1)
    started = time.monotonic()
    source.wait(20)
    assert time.monotonic() - started < 10


def test_what_was_taken_does_not_wake_again(topic: str) -> None:
    source = MongoOutbox()
    assert source.acquire()
    publish(topic, *range(1, 6))
    assert len(source.take(10)) == 5
    started = time.monotonic()
    source.wait(1.5)
    assert time.monotonic() - started >= 1.5


def test_one_relay_is_active_and_the_next_takes_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.messaging.mongodb.LEASE_SECONDS", 60)
    first, second = MongoOutbox(), MongoOutbox()
    assert first.acquire()
    assert not second.acquire()
    assert first.acquire()
    passed = mongo.get_collection(STATE).update_one(
        {"_id": LEASE}, {"$set": {"until": datetime.now(UTC) - timedelta(seconds=1)}}
    )
    assert passed.modified_count == 1
    assert second.acquire()
    first.reconnect()
    assert not first.acquire()


def test_a_relay_killed_before_it_marked_sends_the_same_message_again(topic: str) -> None:
    publish(topic, 1, 2)
    first = new_relay()
    assert first.source.acquire()
    first._send(first.source.take(10))
    assert waiting() == 2
    expire_lease()
    with running_relay():
        assert nothing_waits()
    came = arrived(topic, 4)
    assert [version for _, version in came] == [1, 2, 1, 2]
    assert came[:2] == came[2:]


def test_a_sleeper_leaves_the_newest_message_last(topic: str) -> None:
    publish(topic, 1)
    sleeper, relay = new_relay(), new_relay()
    assert sleeper.source.acquire()
    held = sleeper.source.take(10)
    expire_lease()
    assert relay.source.acquire()
    relay.turn()
    publish(topic, 2)
    second = OutboxMessage.objects.order_by("-pk")[0].payload
    relay.turn()
    assert waiting() == 0
    assert [row.payload for row in sleeper.source.take(10, sleeper._send(held))] == [second]
    assert waiting() == 1
    relay.turn()
    assert waiting() == 0
    assert [version for _, version in arrived(topic, 4)] == [1, 2, 1, 2]


def test_a_relay_process_that_is_killed_loses_nothing(topic: str) -> None:
    publish(topic, *range(1, 3001))
    process = RelayProcess("relay.sent:2")
    try:
        assert process.died() == -signal.SIGKILL
        assert waiting() == 3000 - BATCH  # what it sent second is not marked
        process = RelayProcess()
        publish(topic, 3001)
        assert nothing_waits()
        publish(topic, 3002)
        assert nothing_waits()
        assert process.terminate() == 0
    finally:
        process.kill()
    versions = [version for _, version in arrived(topic, last=3002)]
    assert list(dict.fromkeys(versions)) == list(range(1, 3003))


def test_sent_messages_are_forgotten_after_a_day(topic: str) -> None:
    publish(topic, 1, 2, 3)
    rows = list(OutboxMessage.objects.order_by("pk"))
    OutboxMessage.objects.filter(pk=rows[0].pk).update(sent_at=datetime.now(UTC) - timedelta(hours=25))
    OutboxMessage.objects.filter(pk=rows[1].pk).update(sent_at=datetime.now(UTC) - timedelta(hours=23))
    assert MongoOutbox().purge() is False
    assert [row.pk for row in OutboxMessage.objects.order_by("pk")] == [rows[1].pk, rows[2].pk]


def test_they_are_forgotten_in_pieces(topic: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Red when one command deletes all of them: the relay carries nothing meanwhile."""
    monkeypatch.setattr("shared.messaging.mongodb.PIECE", 2)
    publish(topic, 1, 2, 3, 4, 5)
    OutboxMessage.objects.update(sent_at=datetime.now(UTC) - timedelta(hours=25))
    source = MongoOutbox()
    assert [(source.purge(), OutboxMessage.objects.count()) for _ in range(3)] == [
        (True, 3),
        (True, 1),
        (False, 0),
    ]


def test_the_relay_outlives_its_store(own_mongod: "Mongod", topic: str, make_product: "MakeProduct") -> None:
    with running_relay():
        publish(topic, 1)
        assert nothing_waits()
        own_mongod.kill()
        time.sleep(1)
        own_mongod.start()
        publish(topic, 2)
        assert nothing_waits()
    assert [version for _, version in arrived(topic, 2)] == [1, 2]
