"""What a transaction decided to send is sent, in order, at least once, and nothing else is."""

import logging
import socket
import threading
import time
import uuid
from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from confluent_kafka import Producer
from django.conf import settings
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from shared.messaging import kafka, outbox, postgresql
from shared.messaging import relay as engine
from shared.messaging.envelope import decode, encode
from shared.messaging.models import InboxMessage, OutboxMessage
from shared.messaging.outbox import OutsideTransaction
from shared.messaging.postgresql import PostgresOutbox
from shared.messaging.relay import Relay
from shared.telemetry import trace
from tests.retention import oldest_message
from tests.shared.messaging.fault_proxy import FaultProxy
from tests.shared.messaging.lab import Lab, Note, eventually, header, read_all

pytestmark = pytest.mark.django_db(transaction=True)


class Counting(PostgresOutbox):
    """Counts how often it is asked."""

    looks = marks = 0

    def take(self, limit: int, sent: Sequence[Hashable] = ()) -> Sequence[engine.OutboxRow]:
        if sent:
            self.marks += 1
        else:
            self.looks += 1
        return super().take(limit, sent)


@contextmanager
def relaying(*relays: Relay) -> Iterator[None]:
    """Run relays on threads of their own."""
    errors: list[BaseException] = []

    def run(relay: Relay) -> None:
        try:
            relay.run()
        except BaseException as error:  # noqa: BLE001 - shown below
            errors.append(error)
        finally:
            relay.source.reconnect()
            connections.close_all()

    threads = [threading.Thread(target=run, args=(relay,), daemon=True) for relay in relays]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for relay, thread in zip(relays, threads, strict=True):
            relay.stop()
            thread.join(15)
            assert not thread.is_alive(), "the relay did not stop"
    assert errors == []


def relay_of(lab: Lab, source: PostgresOutbox | None = None, bootstrap: str | None = None) -> Relay:
    """A relay as every service runs it."""
    return Relay(source or PostgresOutbox(), kafka.producer(bootstrap or lab.bootstrap, "lab"))


def publish(*texts: str, about: str = "a") -> None:
    """In a transaction of its own."""
    with transaction.atomic():
        outbox.publish(*(Note(about=about, text=text) for text in texts))


def texts(lab: Lab) -> list[str]:
    """What is on the topic."""
    return [decode(each).message.text for each in read_all(lab.bootstrap, lab.topic.name)]  # type: ignore[attr-defined]


def silent(lab: Lab) -> dict[str, Any]:
    """What the outbox has of a message that nobody says anything about."""
    message_id, headers, payload = encode(Note(about="a", text="silent"), "lab")
    return {
        "message_id": message_id,
        "topic": lab.topic.name,
        "key": "a",
        "headers": headers,
        "payload": payload,
    }


def end_own_connection() -> None:
    """PostgreSQL ends this thread's connection, as when it goes down."""
    pid = connection.connection.info.backend_pid

    def end() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        connections.close_all()

    thread = threading.Thread(target=end)
    thread.start()
    thread.join()


def unsent() -> int:
    """How many wait."""
    return OutboxMessage.objects.filter(sent_at=None).count()


def test_what_is_published_arrives_as_a_cloud_event(lab: Lab) -> None:
    with relaying(relay_of(lab)), trace.use(trace.start()):
        publish("hello", about="me")
        eventually(lambda: unsent() == 0)
        current = trace.current()

    (message,) = read_all(lab.bootstrap, lab.topic.name)
    row = OutboxMessage.objects.get()
    assert message.key == b"me"
    assert message.payload == b'{"about":"me","text":"hello","amount":1}'
    assert current
    assert {name for name, _ in message.headers} == {
        "ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time", "ce_subject", "content-type", "traceparent"
    }  # fmt: skip
    assert header(message, "ce_specversion") == "1.0"
    assert header(message, "ce_id") == str(row.message_id)
    assert header(message, "ce_source") == f"/microcommerce/{settings.SERVICE_NAME}"
    assert header(message, "ce_type") == "lab.note.v1"
    assert header(message, "ce_subject") == "me"
    assert header(message, "content-type") == "application/json"
    assert str(header(message, "traceparent"))[:35] == str(current)[:35]
    assert abs(datetime.fromisoformat(str(header(message, "ce_time"))) - timezone.now()) < timedelta(
        minutes=1
    )
    assert row.sent_at


def test_outside_a_transaction_nothing_can_be_published(lab: Lab) -> None:
    with pytest.raises(OutsideTransaction, match="transaction around"):
        outbox.publish(Note(about="a", text="x"))
    assert not OutboxMessage.objects.exists()


def test_what_is_rolled_back_is_never_sent(lab: Lab) -> None:
    with relaying(relay_of(lab)):
        with transaction.atomic():
            outbox.publish(Note(about="a", text="never"))
            transaction.set_rollback(True)
        publish("after")
        eventually(lambda: unsent() == 0)

    assert texts(lab) == ["after"]


@pytest.mark.parametrize("where", ["here", "elsewhere"])
def test_a_commit_wakes_the_relay(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, where: str
) -> None:
    if where == "elsewhere":
        request.getfixturevalue("elsewhere")
    monkeypatch.setattr(engine, "IDLE_WAIT", 30.0)
    with relaying(relay := relay_of(lab)):
        publish("first")
        eventually(lambda: unsent() == 0)
        time.sleep(0.5)
        publish("second")
        eventually(lambda: unsent() == 0, 20)  # less than it waits by itself
        stopped = time.monotonic()
        relay.stop()
    assert time.monotonic() - stopped < 20  # woken once more, so that it sees that it shall stop


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if every relay were another process's."""
    monkeypatch.setattr(postgresql, "activate", lambda _: None)


@pytest.mark.usefixtures("elsewhere")
def test_a_commit_waits_for_nobody_and_the_relay_is_woken_after_it(lab: Lab) -> None:
    """NOTIFY inside a transaction is a lock of the whole server, kept until the disk has the commit. Red with a trigger."""
    source = PostgresOutbox()
    source.acquire()
    OutboxMessage.objects.create(**silent(lab))
    started = time.monotonic()
    source.wait(0.5)
    assert time.monotonic() - started >= 0.5
    with CaptureQueriesContext(connection) as captured:
        publish("said", "at once")
    source.wait(10)
    source.reconnect()
    assert time.monotonic() - started < 10
    said = [query["sql"].split()[0] for query in captured]
    assert said == ["BEGIN", "INSERT", "COMMIT", "SELECT"]


def test_a_relay_that_cannot_be_woken_is_no_failure(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    """The transaction is committed: whoever was told otherwise would do it again. Red without the `except`."""
    with transaction.atomic():
        transaction.on_commit(end_own_connection)
        outbox.publish(Note(about="a", text="kept"))
    connection.close()
    assert unsent() == 1
    assert "not woken" in caplog.text


def test_a_batch_costs_one_look_and_one_mark(lab: Lab) -> None:
    publish(*(str(number) for number in range(100)))
    relay = relay_of(lab, source := Counting())
    relay.turn()
    relay.source.reconnect()
    assert (source.looks, source.marks, unsent()) == (1, 1, 0)


def test_a_mark_brings_the_next_batch_along(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under load a batch is one round trip. Red when what comes with the mark is left, or sent again."""
    monkeypatch.setattr(engine, "BATCH", 10)
    publish(*(str(number) for number in range(30)))
    relay = relay_of(lab, source := Counting())
    for _ in range(3):
        relay.turn()
    relay.source.reconnect()
    assert (source.looks, source.marks, unsent()) == (1, 3, 0)
    assert len(texts(lab)) == 30


def test_a_mark_waits_a_moment_for_the_next_message(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the two share a round trip, and for no longer. Red without `wait` in `PostgresOutbox.take`."""
    source = PostgresOutbox()
    source.acquire()
    publish("first")
    first = source.take(10)
    started = time.monotonic()
    assert source.take(10, [row.id for row in first]) == []
    assert postgresql.MARK_WAIT <= time.monotonic() - started < postgresql.MARK_WAIT + 5
    assert unsent() == 0
    publish("second")
    second = source.take(10)
    monkeypatch.setattr(postgresql, "MARK_WAIT", 30.0)

    def publish_later() -> None:
        publish("third")
        connections.close_all()

    threading.Timer(0.5, publish_later).start()
    (third,) = source.take(10, [row.id for row in second])
    assert "third" in third.payload
    source.take(1, [third.id])  # as many as it may take: there are more, and it does not wait
    source.reconnect()
    assert time.monotonic() - started < 20
    assert unsent() == 0


@pytest.mark.parametrize("where", ["here", "elsewhere"])
def test_many_wake_ups_are_one(lab: Lab, request: pytest.FixtureRequest, where: str) -> None:
    """What was said before the look says nothing after it, and what was said since is one. Red without `_read_notifies`
    or `clear` in `take`, and when `wait` leaves all but the first for later.
    """
    if where == "elsewhere":
        request.getfixturevalue("elsewhere")
    source = PostgresOutbox()
    source.acquire()
    for number in range(20):
        publish(str(number))
    time.sleep(0.5)  # PostgreSQL passes a NOTIFY on as soon as it comes to it
    rows = source.take(100)
    assert len(rows) == 20
    started = time.monotonic()
    source.wait(0.5)
    assert time.monotonic() - started >= 0.5
    for number in range(20):
        publish(str(number))
    time.sleep(0.5)  # as above
    source.wait(10)
    assert len(source.take(100, [row.id for row in rows])) == 20
    source.wait(0.5)
    source.reconnect()
    assert 1.5 <= time.monotonic() - started < 10


def test_marks_do_not_wait_for_the_disk_and_the_messages_of_others_do(lab: Lab) -> None:
    source = PostgresOutbox()
    source.acquire()
    assert source._execute("SHOW synchronous_commit", []).fetchone() == ("off",)
    source.reconnect()
    with connection.cursor() as cursor:
        cursor.execute("SHOW synchronous_commit")
        assert cursor.fetchone() == ("on",)


def test_a_wake_up_that_is_lost_costs_a_second(lab: Lab) -> None:
    assert engine.IDLE_WAIT == 1.0
    with relaying(relay_of(lab)):
        publish("first")
        eventually(lambda: unsent() == 0)
        OutboxMessage.objects.create(**silent(lab))
        eventually(lambda: unsent() == 0)


def test_the_order_of_each_key_is_the_order_of_its_transactions(lab: Lab) -> None:
    def work(key: int) -> None:
        for number in range(40):
            publish(f"{number:02}", about=f"k{key}")
        connections.close_all()

    with relaying(relay_of(lab)):
        threads = [threading.Thread(target=work, args=(key,)) for key in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        eventually(lambda: unsent() == 0)

    arrived = [decode(each).message for each in read_all(lab.bootstrap, lab.topic.name)]
    for key in range(6):
        mine = [each.text for each in arrived if each.key == f"k{key}"]  # type: ignore[attr-defined]
        assert mine == [f"{number:02}" for number in range(40)]


def test_while_kafka_is_away_messages_wait(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        nowhere = f"127.0.0.1:{closed.getsockname()[1]}"
    publish("patient")

    def said() -> int:
        return sum("Connection refused" in record.message for record in caplog.records)

    started = time.monotonic()
    with relaying(relay_of(lab, bootstrap=nowhere)):
        time.sleep(3)
        eventually(said)
        assert unsent() == 1
    assert unsent() == 1
    assert said() <= 4 * (time.monotonic() - started)  # our log says so, a few times a second at most

    with relaying(relay_of(lab)):
        eventually(lambda: unsent() == 0)
    assert texts(lab) == ["patient"]


def test_killed_between_delivery_and_mark_the_same_id_is_sent_again(lab: Lab) -> None:
    class Killed(BaseException):
        pass

    class Forgetful(PostgresOutbox):
        def take(self, limit: int, sent: Sequence[Hashable] = ()) -> Sequence[engine.OutboxRow]:
            if sent:
                raise Killed
            return super().take(limit)

    publish("twice")
    relay = relay_of(lab, Forgetful())
    with pytest.raises(Killed):
        relay.run()
    relay.source.reconnect()

    with relaying(relay_of(lab)), lab.running():
        eventually(lambda: unsent() == 0)
        eventually(lambda: lab.committed() == 2)

    first, second = read_all(lab.bootstrap, lab.topic.name)
    assert header(first, "ce_id") == header(second, "ce_id")
    assert lab.effects() == ["twice"]


def test_one_relay_is_active_and_another_takes_over(lab: Lab) -> None:
    one, other = Counting(), Counting()
    with relaying(relay_of(lab, one)):
        publish("a")
        eventually(lambda: unsent() == 0)
        with relaying(relay_of(lab, other)):
            time.sleep(2)
            assert other.looks == 0
            one.acquire = lambda: False  # type: ignore[method-assign]
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted"
                    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
                )
            publish("b")
            eventually(lambda: unsent() == 0)
            assert other.looks > 0

    assert texts(lab) == ["a", "b"]


def test_a_database_that_goes_and_comes_back(lab: Lab) -> None:
    host, port = connection.settings_dict["HOST"], int(connection.settings_dict["PORT"])
    with FaultProxy(host, port) as proxy, proxy.instead_of_the_database(), relaying(relay_of(lab)):
        publish("before")
        eventually(lambda: unsent() == 0)
        proxy.cut()
        publish("meanwhile")
        time.sleep(2)
        assert unsent() == 1
        proxy.mend()
        eventually(lambda: unsent() == 0)

    assert texts(lab) == ["before", "meanwhile"]


def test_a_message_that_kafka_refuses_holds_up_nobody(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    """Nor what the library puts together with it, as it does where the machine is busy. Red without `_one_by_one`."""
    lab.delete(lab.topic.name)
    lab.create(lab.topic.name, largest=10_000)
    publish("good")
    publish("x" * 20_000, about="b")
    publish("better", about="c")
    source = Counting()

    gathering = Producer({"bootstrap.servers": lab.bootstrap, "acks": "all", "linger.ms": 100})

    with caplog.at_level(logging.ERROR), relaying(Relay(source, gathering)):
        eventually(lambda: unsent() == 1)
        started, looks = time.monotonic(), source.looks
        time.sleep(3)
        assert source.looks - looks <= 2 + time.monotonic() - started
        assert unsent() == 1

    assert sorted(texts(lab)) == ["better", "good"]
    assert "refused" in caplog.text


def test_after_a_burst_of_wake_ups_the_relay_rests(lab: Lab) -> None:
    source = Counting()
    with relaying(relay_of(lab, source)):
        for number in range(300):
            publish(str(number))
        eventually(lambda: unsent() == 0)
        time.sleep(1)
        started, looks = time.monotonic(), source.looks
        time.sleep(3)

    assert source.looks - looks <= 2 + time.monotonic() - started


def test_where_the_whole_topic_is_in_order_every_key_goes_into_its_first_partition(ordered: Lab) -> None:
    """In the order of the commits. Red with `BY_KEY` for every topic in `relay._produce`."""
    sent = [f"{number}" for number in range(60)]
    with relaying(relay_of(ordered)):
        for each in sent:
            publish(each, about=f"product {int(each) % 7}")
        eventually(lambda: unsent() == 0)

    messages = read_all(ordered.bootstrap, ordered.topic.name)
    assert {message.partition for message in messages} == {0}
    assert texts(ordered) == sent


def test_what_was_sent_long_ago_is_forgotten_and_what_waits_never(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.messaging.postgresql.PIECE", 2)
    long_ago = timezone.now() - timedelta(days=30)
    publish("waits", "sent", "sent", "sent", "sent", "sent just now")
    ids = list(OutboxMessage.objects.order_by("id").values_list("id", flat=True))
    OutboxMessage.objects.update(created_at=long_ago)
    OutboxMessage.objects.filter(id__in=ids[1:5]).update(sent_at=long_ago)
    OutboxMessage.objects.filter(id=ids[5]).update(sent_at=timezone.now())
    for age in (timedelta(0), oldest_message(), *(timedelta(days=days) for days in (30, 31, 32))):
        InboxMessage.objects.create(message_id=str(uuid.uuid4()), handled_at=timezone.now() - age)

    source = PostgresOutbox()
    assert [source.purge(), source.purge(), source.purge()] == [True, True, False]

    assert set(OutboxMessage.objects.values_list("id", flat=True)) == {ids[0], ids[5]}
    assert InboxMessage.objects.count() == 2  # what Kafka may still bring again is known


def test_messages_go_between_the_pieces_of_a_purge(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long night's worth of old rows holds nobody up. Red when the relay purges until nothing is left."""
    monkeypatch.setattr("shared.messaging.postgresql.PIECE", 2)
    publish(*(f"old {number}" for number in range(7)))
    OutboxMessage.objects.update(sent_at=timezone.now() - timedelta(days=30))
    relay = relay_of(lab)
    left = []
    for number in range(4):
        publish(f"new {number}")
        relay.turn()
        assert unsent() == 0
        left.append(OutboxMessage.objects.filter(payload__contains="old").count())
    relay.source.reconnect()

    assert left == [5, 3, 1, 0]
    assert texts(lab) == [f"new {number}" for number in range(4)]
