"""A consumer brings about the effect of each message exactly once, in the order of its key."""

import random
import time
from collections.abc import Sequence
from typing import Any

import pytest
from confluent_kafka import Consumer as KafkaConsumer
from confluent_kafka import TopicPartition
from django.db import connection, transaction
from prometheus_client import REGISTRY

from shared.messaging import outbox
from shared.messaging.consumer import BATCH, COMMIT_EVERY
from shared.messaging.envelope import Received
from shared.messaging.models import InboxMessage, OutboxMessage, ParkedMessage
from shared.testing.messages import raw
from tests.shared.messaging.lab import Gossip, Lab, Note, Running, eventually, header, replaced


def test_messages_become_effects(lab: Lab) -> None:
    with lab.running():
        lab.send(*(lab.note(f"n{number}", about=f"k{number % 7}") for number in range(50)))
        eventually(lambda: len(lab.effects()) == 50)

    assert sorted(lab.effects()) == sorted(f"n{number}" for number in range(50))
    assert lab.committed() == 50
    assert lab.dead_letters() == []


def test_what_came_before_the_consumer_is_handled_too(lab: Lab) -> None:
    lab.send(lab.note("early"))

    with lab.running():
        eventually(lambda: lab.effects() == ["early"])


def test_the_order_of_each_key_is_kept(lab: Lab) -> None:
    lab.send(lab.note("first"))
    with lab.running():
        eventually(lambda: lab.effects() == ["first"])  # what comes now goes in batches
        lab.send(*(lab.note(str(number), about=f"k{number % 5}") for number in range(600)))
        eventually(lambda: len(lab.effects()) == 601)

    for key in range(5):
        numbers = [int(text) for text in lab.effects(f"k{key}")]
        assert numbers == sorted(numbers)


def test_many_messages_go_in_few_transactions(lab: Lab) -> None:
    lab.send(lab.note("first"))
    with lab.running():
        eventually(lambda: lab.effects() == ["first"])
        lab.send(*(lab.note(str(number), about=str(number)) for number in range(1000)))
        eventually(lambda: len(lab.effects()) == 1001)

    assert max(len(call) for call in lab.desk.calls) <= BATCH
    assert len(lab.desk.calls) < 100


def test_the_same_id_has_one_effect_however_often_it_comes(lab: Lab) -> None:
    message = lab.note("once", id="the-same")

    with lab.running():
        lab.send(message, message)
        eventually(lambda: lab.effects() == ["once"])
        lab.send(message, lab.note("last"))
        eventually(lambda: lab.effects() == ["once", "last"])

    with lab.running(lab.consumer()):
        lab.send(message, lab.note("very last"))
        eventually(lambda: "very last" in lab.effects())
    assert lab.effects().count("once") == 1


def test_a_whole_topic_replayed_three_times_shuffled_changes_nothing(lab: Lab) -> None:
    messages = [lab.note(f"n{number}", about=f"k{number % 9}") for number in range(120)]
    with lab.running():
        lab.send(*messages)
        eventually(lambda: len(lab.effects()) == 120)
        before = lab.effects()
        again = messages * 3
        random.Random(8).shuffle(again)
        lab.send(*again, lab.note("end"))
        eventually(lambda: lab.effects()[-1] == "end")
        eventually(lambda: lab.committed() == 120 * 4 + 1)

    assert lab.effects() == [*before, "end"]
    assert InboxMessage.objects.count() == 121


def test_killed_between_database_and_offset_it_sees_the_message_again(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.send(lab.note("once"))
    first = lab.consumer()
    monkeypatch.setattr(first, "_note_handled", lambda _: None)  # the line that was not reached
    with lab.running(first):
        eventually(lambda: lab.effects() == ["once"])
    assert lab.committed() == 0

    with lab.running(lab.consumer()):
        eventually(lambda: lab.committed() == 1)

    assert lab.effects() == ["once"]


class Telling:
    """A Kafka client that remembers what it told Kafka of offsets."""

    def __init__(self, kafka: KafkaConsumer) -> None:
        self._kafka = kafka
        self.told: list[list[TopicPartition]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._kafka, name)

    def commit(self, offsets: list[TopicPartition], *, asynchronous: bool) -> None:
        self.told.append(offsets)
        self._kafka.commit(offsets=offsets, asynchronous=asynchronous)  # type: ignore[call-overload]


def test_offsets_are_told_a_few_times_a_second(lab: Lab) -> None:
    """Kafka writes each one down, and what comes again is known. Red when each batch tells its own."""
    consumer = lab.consumer()
    consumer.kafka = kafka = Telling(consumer.kafka)  # type: ignore[assignment]
    with lab.running(consumer):
        started = time.monotonic()
        for number in range(60):
            lab.send(lab.note(str(number)))
            eventually(lambda number=number: len(lab.effects()) == number + 1)  # type: ignore[misc]
        took = time.monotonic() - started
        eventually(lambda: lab.committed() == 60)
    assert len(lab.desk.calls) > 2 * len(kafka.told)
    assert len(kafka.told) <= 2 + took / COMMIT_EVERY


def test_offsets_that_were_not_told_are_told_to_whoever_has_the_partition_next(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Red without `on_revoke`: the other one would have every message again."""
    first, second = lab.consumer(), lab.consumer()
    with lab.running(first):
        lab.send(lab.note("first"))
        eventually(lambda: lab.committed() == 1)
        monkeypatch.setattr("shared.messaging.consumer.COMMIT_EVERY", 3600.0)
        lab.send(lab.note("told now", about="b"))
        eventually(lambda: lab.committed() == 2)
        lab.send(*(lab.note(str(number), about=str(number)) for number in range(40)))
        eventually(lambda: len(lab.effects()) == 42)
        time.sleep(1)
        assert lab.committed() == 2
        with lab.running(second):
            eventually(lambda: lab.committed() == 42)


def test_a_rolled_back_batch_leaves_neither_effect_nor_id(lab: Lab) -> None:
    lab.desk.failing["bad"] = RuntimeError("no")
    consumer = lab.consumer()
    with lab.running(consumer):
        lab.send(lab.note("good", about="g"), lab.note("bad", about="b", id="bad"))
        eventually(lambda: lab.effects() == ["good"])
        eventually(lambda: lab.committed() == 2)

    assert not InboxMessage.objects.filter(message_id="bad").exists()


def test_the_first_messages_that_can_be_tried_are_tried_one_by_one(lab: Lab) -> None:
    """What comes before them for others proves nothing. Red when `_careful` ends with the first batch, whatever is in it."""
    with lab.running():
        lab.send(raw(Gossip(about="a", text="psst")))
        eventually(lambda: lab.committed() == 1)
        lab.send(*(lab.note(str(number), about="k") for number in range(20)))
        eventually(lambda: len(lab.effects()) == 20)
    assert len(lab.desk.calls[0]) == 1


def test_an_unknown_field_is_ignored(lab: Lab) -> None:
    with lab.running():
        lab.send(replaced(lab.note("x"), payload=b'{"about":"a","text":"newer","colour":{"r":1}}'))
        eventually(lambda: lab.effects() == ["newer"])


def test_a_type_that_is_for_others_is_skipped_and_counted(lab: Lab) -> None:
    def skipped() -> float:
        return REGISTRY.get_sample_value("messages_total", {"type": Gossip.TYPE, "outcome": "skipped"}) or 0.0

    before = skipped()
    with lab.running():
        lab.send(raw(Gossip(about="a", text="psst")), lab.note("good"))
        eventually(lambda: lab.effects() == ["good"])
        eventually(lambda: lab.committed() == 2)

    assert skipped() == before + 1
    assert lab.dead_letters() == []


def test_two_replicas_share_the_work_and_double_nothing(lab: Lab) -> None:
    first = Running(lab.consumer())
    lab.send(*(lab.note(f"a{number}", about=f"k{number % 20}") for number in range(200)))
    eventually(lambda: len(lab.effects()) > 20)
    second = Running(lab.consumer())
    for start in range(0, 600, 50):
        lab.send(*(lab.note(f"b{number}", about=f"k{number % 20}") for number in range(start, start + 50)))
        time.sleep(0.1)
    first.stop()
    lab.send(*(lab.note(f"c{number}", about=f"k{number % 20}") for number in range(100)))
    eventually(lambda: len(lab.effects()) >= 900, 90, why=lambda: len(lab.effects()))
    second.stop()

    assert (first.error, second.error) == (None, None)
    assert len(lab.effects()) == len(set(lab.effects())) == 900
    for key in range(20):
        texts = lab.effects(f"k{key}")
        assert texts == sorted(texts, key=lambda text: (text[0], int(text[1:])))


def test_a_stop_in_the_middle_finishes_the_batch_in_hand(lab: Lab) -> None:
    lab.send(*(lab.note(str(number), about=str(number)) for number in range(100)))
    consumer = lab.consumer()
    lab.desk.before = lambda text: consumer.stop() if text == "50" else None

    with lab.running(consumer):
        eventually(lambda: "50" in lab.effects())
    handled = lab.effects()
    with lab.running(lab.consumer()):
        eventually(lambda: len(lab.effects()) == 100)

    assert len(set(lab.effects())) == 100
    assert handled == lab.effects()[: len(handled)]


def test_a_topic_that_is_made_after_the_consumer_started_is_found(lab: Lab) -> None:
    lab.delete(lab.topic.name)
    with lab.running():
        time.sleep(3)
        lab.create(lab.topic.name)
        lab.send(lab.note("late"))
        eventually(lambda: lab.effects() == ["late"])


def test_a_trace_goes_on_from_message_to_message(lab: Lab) -> None:
    def answer(batch: Sequence[Received[Note]]) -> None:
        for received in batch:
            outbox.publish(Note(about="a", text="answer"), cause=received)

    message = lab.note("question", id="question-1")
    with lab.running(lab.consumer({Note: answer})):
        lab.send(message)
        eventually(OutboxMessage.objects.exists)

    sent = OutboxMessage.objects.get().headers
    assert sent["ce_causationid"] == "question-1"
    assert sent["traceparent"][:35] == str(header(message, "traceparent"))[:35]
    assert sent["traceparent"] != header(message, "traceparent")


def somebody_waits() -> bool:
    """Whether a transaction waits for another one to end."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'transactionid' AND NOT granted")
        return bool(cursor.fetchone()[0])


def test_two_consumers_of_one_message_have_one_effect(lab: Lab) -> None:
    """A zombie that wakes and its successor write the same id: the second waits for the first and stops."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("INSERT INTO messaging_inboxmessage VALUES ('zombie', now())")
        with lab.running():
            lab.send(lab.note("late", about="z", id="zombie"), lab.note("other", about="y"))
            eventually(somebody_waits)
            assert "late" not in lab.effects()
    with lab.running(lab.consumer()):
        eventually(lambda: lab.committed() == 2)
        eventually(lambda: not ParkedMessage.objects.exists())
    assert lab.effects() == ["other"]
