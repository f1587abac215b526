"""A client that the library has let lose Kafka for good ends, and its successor does the work.

Red without `_with_watchdog` in shared/messaging/kafka.py: both would wait for ever.
"""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from confluent_kafka import Producer
from django.db import connections, transaction

from shared.messaging import kafka, outbox
from shared.messaging.consumer import Consumer
from shared.messaging.dead_letters import DeadLetterNotTaken, DeadLetterQueue
from shared.messaging.kafka import ClientStalled
from shared.messaging.models import OutboxMessage
from shared.messaging.postgresql import PostgresOutbox
from shared.messaging.relay import Relay
from tests.shared.messaging.fault_proxy import FaultProxy, StaleCoordinator
from tests.shared.messaging.lab import GIVES_UP_AFTER, Lab, Note, read_all

pytestmark = pytest.mark.django_db(transaction=True)

IN_TIME = 90.0  # seconds for what ends by itself


@pytest.fixture(autouse=True)
def busy_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody else's answer may take its time: one that is missing begins the count of lost seconds anew."""
    monkeypatch.setattr(kafka, "ANSWER_SECONDS", 5.0)


@pytest.fixture
def one_sided(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultProxy]:
    """A way to Kafka on which everybody is heard but a client called `stalled`."""
    monkeypatch.setattr(kafka, "STATISTICS_MS", 2000)
    monkeypatch.setattr(kafka, "STALLED_AFTER", 3.0)
    host, port = lab.bootstrap.split(":")
    with FaultProxy(host, int(port), ignoring=b"stalled") as proxy:
        yield proxy


def how_it_ends(
    work: Relay | Consumer, within: float, until: Callable[[], object] = lambda: False
) -> BaseException | None:
    """Run it on a thread of its own, for so many seconds or `until`: what ended it, None where it had to be stopped."""
    ends: list[BaseException] = []

    def run() -> None:
        try:
            work.run()
        except BaseException as error:  # noqa: BLE001 - the caller looks at it
            ends.append(error)
        finally:
            connections.close_all()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    deadline = time.monotonic() + within
    while thread.is_alive() and time.monotonic() < deadline and not until():
        thread.join(0.1)
    work.stop()
    thread.join(30)
    assert not thread.is_alive(), "it did not stop"
    return ends[0] if ends else None


def relay_by(way: FaultProxy, client: str) -> Relay:
    """A relay that goes by the wire and says who it is."""
    return Relay(PostgresOutbox(), kafka.producer(f"127.0.0.1:{way.port}", client))


def publish() -> None:
    """One message."""
    with transaction.atomic():
        outbox.publish(Note(about="a", text="hello"))


def is_sent() -> bool:
    """Whether it has left."""
    return OutboxMessage.objects.get().sent_at is not None


def test_a_relay_that_kafka_hears_no_more_ends_and_the_next_one_sends(
    lab: Lab, one_sided: FaultProxy
) -> None:
    publish()
    stalled = relay_by(one_sided, "stalled")
    assert isinstance(how_it_ends(stalled, IN_TIME), ClientStalled)
    stalled.source.reconnect()
    assert not is_sent()

    assert how_it_ends(relay_by(one_sided, "successor"), IN_TIME, until=is_sent) is None
    assert is_sent()


def test_a_consumer_that_hears_no_more_of_kafka_ends(lab: Lab, one_sided: FaultProxy) -> None:
    consumer = lab.consumer()
    consumer.kafka = kafka.consumer(f"127.0.0.1:{one_sided.port}", f"{lab.group}-stalled")
    assert isinstance(how_it_ends(consumer, IN_TIME), ClientStalled)


def test_a_consumer_that_is_let_into_no_group_ends(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another member keeps the group waiting: it was stopped before it could answer that there is a new one."""
    monkeypatch.setattr(kafka, "STATISTICS_MS", 1000)
    monkeypatch.setattr(kafka, "OUTSIDE_AFTER", 3.0)
    command = [sys.executable, "-m", "tests.shared.messaging.lab_process", "stay", lab.topic.name, lab.group]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as member:
        assert member.stdout
        assert member.stdout.readline() == b"in\n"
        member.send_signal(signal.SIGSTOP)
        ended_with = how_it_ends(lab.consumer(), 30)  # less than the stopped one's session
        member.kill()
    assert isinstance(ended_with, ClientStalled)


def test_a_consumer_that_is_never_told_where_to_begin_ends(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is in its group and has partitions, and reads none of them (librdkafka issue 5586)."""
    monkeypatch.setattr(kafka, "STATISTICS_MS", 1000)
    host, port = lab.bootstrap.split(":")
    with StaleCoordinator(host, int(port), lab.group) as way:
        consumer = lab.consumer()
        consumer.kafka = kafka.consumer(f"{host}:{way.port}", lab.group)

        def is_refused() -> None:  # from then on it reads nothing; before that it may join at its leisure
            if way.refused:
                monkeypatch.setattr(kafka, "OUTSIDE_AFTER", 5.0)

        ended_with = how_it_ends(consumer, IN_TIME, until=is_refused)
    assert way.refused == 1
    assert isinstance(ended_with, ClientStalled)


def test_a_dead_letter_that_kafka_did_not_take_goes_by_a_new_producer(
    lab: Lab, one_sided: FaultProxy
) -> None:
    """Red without `self._producer = None` in `DeadLetterQueue.send`."""
    way = f"127.0.0.1:{one_sided.port}"
    clients = iter([("stalled", 1_000), ("successor", GIVES_UP_AFTER)])

    def next_one() -> Producer:
        client, gives_up_after = next(clients)
        return kafka.producer(way, client, gives_up_after=gives_up_after)

    letters = DeadLetterQueue(next_one, "lab")
    with pytest.raises(DeadLetterNotTaken):
        letters.send(lab.note("x"), "why", 1)
    for _ in range(2):  # and goes on with that one
        letters.send(lab.note("x"), "why", 1)
    assert len(read_all(lab.bootstrap, lab.topic.dead_letter)) == 2


def test_what_an_idle_relay_tells_of_itself_is_not_kept(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is sent for days, and nothing fills its memory. Red without `poll` in `Relay.turn`."""
    looked: list[str] = []
    monkeypatch.setattr(kafka, "STATISTICS_MS", 200)
    monkeypatch.setattr(kafka.ClientWatchdog, "look", lambda _, statistics: looked.append(statistics))
    idle = Relay(PostgresOutbox(), kafka.producer(lab.bootstrap, "idle"))
    assert how_it_ends(idle, IN_TIME, until=lambda: bool(looked)) is None
    assert looked


def test_while_nobody_hears_kafka_everybody_waits(
    lab: Lab, one_sided: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka, "ANSWER_SECONDS", 1.0)  # none comes, and the client stops no sooner
    one_sided.cut()
    publish()
    assert how_it_ends(relay_by(one_sided, "patient"), 8) is None
    assert not is_sent()
