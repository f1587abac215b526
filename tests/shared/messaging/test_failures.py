"""Handlers that fail, stores that are away: who waits, who goes on, and who is given up on."""

import logging
import threading
import time
from collections.abc import Iterator

import pytest
from django.db import OperationalError, connection

from shared.messaging import delivery as engine
from shared.messaging.models import InboxMessage, ParkedMessage
from tests.shared.messaging.fault_proxy import FaultProxy
from tests.shared.messaging.lab import Boom, Lab, eventually, header, replaced

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same number of tries, in a shorter time."""
    monkeypatch.setattr(engine, "BACKOFF", tuple(0.2 for _ in engine.BACKOFF))


@pytest.fixture
def proxy() -> Iterator[FaultProxy]:
    """What the consumer's database connections go through: it can be cut."""
    with FaultProxy(connection.settings_dict["HOST"], int(connection.settings_dict["PORT"])) as made:
        yield made


def test_the_tries_of_a_failing_message_take_a_minute_at_most() -> None:
    assert 20 <= sum(engine.BACKOFF) <= 60
    assert list(engine.BACKOFF) == sorted(engine.BACKOFF)


def test_a_message_that_fails_for_a_while_is_handled_in_the_end(lab: Lab, hasty: None) -> None:
    lab.desk.failing["late"] = Boom("not yet")
    with lab.running():
        lab.send(lab.note("late"))
        eventually(lambda: ParkedMessage.objects.filter(failures__gte=2).exists())
        lab.desk.failing.clear()
        eventually(lambda: lab.effects() == ["late"])
        eventually(lambda: not ParkedMessage.objects.exists())

    assert lab.dead_letters() == []


def test_a_message_that_always_fails_is_given_up(lab: Lab, hasty: None) -> None:
    lab.desk.failing["bad"] = Boom("never")
    with lab.running():
        lab.send(lab.note("bad", about="b", id="bad-1"), lab.note("good", about="g"))
        eventually(lambda: lab.effects() == ["good"])
        eventually(lab.dead_letters)

    (letter,) = lab.dead_letters()
    assert header(letter, "dl_error") == "Boom: never"
    assert header(letter, "dl_attempts") == str(len(engine.BACKOFF) + 1)
    assert header(letter, "ce_id") == "bad-1"
    assert not ParkedMessage.objects.exists()
    assert not InboxMessage.objects.filter(message_id="bad-1").exists()


def test_an_error_that_no_store_could_keep_is_kept_readable(
    lab: Lab, hasty: None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(
        logging.CRITICAL
    )  # what was logged of it is text that pytest's processes cannot send each other
    lab.desk.failing["bad"] = Boom("a\x00b\ud800c" + "x" * 10_000)
    with lab.running():
        lab.send(lab.note("bad"), lab.note("good", about="g"))
        eventually(lambda: lab.effects() == ["good"])
        eventually(lab.dead_letters)

    (letter,) = lab.dead_letters()
    assert str(header(letter, "dl_error")).startswith("Boom: a\N{REPLACEMENT CHARACTER}b?cxxx")


def test_later_messages_of_its_key_wait_and_other_keys_go_on(lab: Lab, hasty: None) -> None:
    lab.desk.failing["first"] = Boom("not yet")
    with lab.running():
        lab.send(lab.note("first", about="a"), lab.note("second", about="a"), lab.note("other", about="b"))
        eventually(lambda: lab.effects() == ["other"])
        lab.send(lab.note("third", about="a"), lab.note("more", about="b"))
        eventually(lambda: lab.effects() == ["other", "more"])
        lab.desk.failing.clear()
        eventually(lambda: len(lab.effects()) == 5)

    assert lab.effects("a") == ["first", "second", "third"]


def test_where_the_whole_topic_is_in_order_other_keys_wait_as_well(ordered: Lab, hasty: None) -> None:
    """Red where `delivery._key_of` keeps the key, and where the inbox's claim looks at keys alone."""
    ordered.desk.failing["first"] = Boom("not yet")
    with ordered.running():
        ordered.send(ordered.note("first", about="a"))
        eventually(lambda: ordered.committed() == 1)
        ordered.send(*(ordered.note(text, about=text) for text in "bcde"))
        eventually(lambda: ordered.committed() == 5)
        assert ordered.effects() == []
        ordered.desk.failing.clear()
        eventually(lambda: len(ordered.effects()) == 5)

    assert ordered.effects()[0] == "first"


def test_who_waits_behind_a_dead_letter_is_handled_after_it(lab: Lab, hasty: None) -> None:
    lab.desk.failing["bad"] = Boom("never")
    with lab.running():
        lab.send(lab.note("bad"), lab.note("next"))
        eventually(lambda: lab.effects() == ["next"])

    assert len(lab.dead_letters()) == 1


def test_what_is_parked_survives_a_restart_without_anything_new_coming(lab: Lab, hasty: None) -> None:
    lab.desk.failing["late"] = Boom("not yet")
    with lab.running():
        lab.send(lab.note("late"), lab.note("behind"))
        eventually(lambda: lab.committed() == 2)
    lab.desk.failing.clear()

    with lab.running(lab.consumer()):
        eventually(lambda: lab.effects() == ["late", "behind"])


def test_one_bad_message_does_not_spoil_its_batch(lab: Lab, hasty: None) -> None:
    lab.send(lab.note("warm up"))
    with lab.running():
        eventually(lambda: lab.effects() == ["warm up"])
        lab.desk.failing["bad 7"] = Boom("never")
        lab.send(*(lab.note(f"{'bad' if n == 7 else 'good'} {n}", about=str(n)) for n in range(40)))
        eventually(lambda: len(lab.effects()) == 40)
        eventually(lab.dead_letters)


def test_a_letter_that_is_put_on_its_topic_again_is_handled_once(lab: Lab, hasty: None) -> None:
    lab.desk.failing["bad"] = Boom("never")
    with lab.running():
        lab.send(lab.note("bad", id="replayed"))
        eventually(lab.dead_letters)
        lab.desk.failing.clear()
        (letter,) = lab.dead_letters()
        lab.send(letter, letter)
        eventually(lambda: lab.effects() == ["bad"])
        eventually(lambda: lab.committed() == 3)

    assert lab.effects() == ["bad"]


@pytest.mark.parametrize("collision", ["deadlock_detected", "serialization_failure"])
def test_a_collision_is_tried_again_as_it_is(collision: str, lab: Lab) -> None:
    """Retry on serialization and deadlock errors. No message is parked for it."""
    lab.send(lab.note("warm up"))
    tries: list[int] = []

    def collide(text: str) -> None:
        if text == "n3" and len(tries) < 2:
            tries.append(1)
            with connection.cursor() as cursor:
                cursor.execute(f"DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '{collision}'; END $$")

    with lab.running():
        eventually(lambda: lab.effects() == ["warm up"])
        lab.desk.before = collide
        lab.send(*(lab.note(f"n{number}", about=str(number)) for number in range(10)))
        eventually(lambda: len(lab.effects()) == 11)

    first, second, third = (call for call in lab.desk.calls if "n3" in call)
    assert first == second == third
    assert len(third) > 1


def test_while_the_database_is_away_messages_wait_and_none_is_given_up(lab: Lab, proxy: FaultProxy) -> None:
    with proxy.instead_of_the_database(), lab.running():
        lab.send(lab.note("before"))
        eventually(lambda: proxy.bytes_carried > 0 and lab.committed() == 1)
        proxy.cut()
        lab.send(*(lab.note(f"n{number}", about=str(number)) for number in range(5)))
        time.sleep(6)
        proxy.mend()
        eventually(lambda: lab.committed() == 6)

    assert sorted(lab.effects()) == sorted(["before", *(f"n{number}" for number in range(5))])
    assert lab.dead_letters() == []
    assert not ParkedMessage.objects.exists()


def test_a_database_that_goes_again_and_again_in_mid_message_is_no_fault_of_it(
    lab: Lab, proxy: FaultProxy
) -> None:
    cuts: list[float] = []

    def cut(text: str) -> None:
        if text == "unlucky" and len(cuts) < 5:
            cuts.append(time.monotonic())
            proxy.cut()
            threading.Timer(0.3, proxy.mend).start()

    lab.desk.before = cut
    with proxy.instead_of_the_database(), lab.running():
        lab.send(lab.note("unlucky"))
        eventually(lambda: lab.effects() == ["unlucky"], 90)
        eventually(lambda: lab.committed() == 1)

    assert len(cuts) == 5
    assert lab.dead_letters() == []


def test_an_error_of_the_database_that_answers_is_the_messages_own(lab: Lab, hasty: None) -> None:
    lab.desk.failing["bad"] = OperationalError("canceling statement due to lock timeout")
    with lab.running():
        lab.send(lab.note("bad"))
        eventually(lab.dead_letters)


def test_while_the_dead_letter_topic_is_away_the_offset_stays(lab: Lab) -> None:
    lab.gives_up_after = 2_000
    lab.delete(lab.topic.dead_letter)
    with lab.running():
        lab.send(replaced(lab.note("poison", id="poison"), payload=b"{"), lab.note("after"))
        time.sleep(5)
        assert lab.committed() == 0
        lab.create(lab.topic.dead_letter, 1)
        eventually(lambda: lab.effects() == ["after"])
        eventually(lambda: lab.committed() == 2)

    # Where Kafka's word comes too late for the short time-out, the letter is there once more.
    assert {header(letter, "ce_id") for letter in lab.dead_letters()} == {"poison"}


def test_poison_beside_a_database_that_is_away_is_one_dead_letter(lab: Lab, proxy: FaultProxy) -> None:
    with proxy.instead_of_the_database(), lab.running():
        lab.send(lab.note("warm up"))
        eventually(lambda: lab.committed() == 1)
        proxy.cut()
        lab.send(replaced(lab.note("poison", about="p"), payload=b"{"), lab.note("good", about="p"))
        eventually(lab.dead_letters)
        time.sleep(3)
        proxy.mend()
        eventually(lambda: lab.committed() == 3)

    assert len(lab.dead_letters()) == 1
    assert lab.effects("p") == ["good"]
