"""The parking lot and the inbox in PostgreSQL, also when several processes use them at once."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TypeVar

import pytest
from django.db import connection
from django.utils import timezone

from shared.contracts import Message
from shared.messaging.envelope import Raw, Received, decode
from shared.messaging.inbox import LEASE, SqlInbox
from shared.messaging.models import InboxMessage, ParkedMessage
from shared.messaging.parking import Parked
from shared.settings.service import STATEMENT_TIMEOUT_MS
from tests.own_connection import own_connection
from tests.shared.messaging.lab import Boom, Lab, write

pytestmark = pytest.mark.django_db(transaction=True)

T = TypeVar("T")


def at(message: Raw, offset: int) -> Raw:
    """`message` at a place in Kafka."""
    return Raw(message.topic, 0, offset, message.key, message.headers, message.payload)


def park(lab: Lab, *notes: tuple[str, str]) -> SqlInbox:
    """A inbox with these (about, text) parked."""
    inbox = SqlInbox()
    inbox.park([at(lab.note(text, about=about), offset) for offset, (about, text) in enumerate(notes)])
    return inbox


def text(parked: Parked | None) -> str | None:
    """What a parked message says."""
    return decode(parked.raw).message.text if parked else None  # type: ignore[attr-defined]


def in_threads(count: int, work: Callable[[], T]) -> list[T]:
    """`work` on `count` threads at once, each with a connection of its own."""
    together = threading.Barrier(count)

    def run(_: int) -> T:
        with own_connection():
            together.wait()
            return work()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


def test_what_is_parked_comes_back_byte_for_byte(lab: Lab) -> None:
    strange = Raw(
        lab.topic.name, 3, 17, b"\xff\x00key", [("a", None), ("a", b"\xfe"), ("b", b"")], b"\x00\xff"
    )
    keyless = Raw(lab.topic.name, 3, 18, None, [], b"")
    inbox = SqlInbox()

    inbox.park([strange, keyless])

    found = [inbox.claim(), inbox.claim()]
    assert [each.raw for each in found if each] == [strange, keyless]
    assert inbox.parked_keys() == {(lab.topic.name, b"\xff\x00key"), (lab.topic.name, None)}


def test_parking_twice_is_parking_once(lab: Lab) -> None:
    messages = [at(lab.note("x"), 1)]
    inbox = SqlInbox()

    inbox.park(messages)
    inbox.park(messages * 3)

    assert ParkedMessage.objects.count() == 1


def test_only_the_oldest_of_a_key_is_given_out(lab: Lab) -> None:
    inbox = park(lab, ("a", "a1"), ("a", "a2"), ("b", "b1"))

    first, second = inbox.claim(), inbox.claim()

    assert [text(first), text(second), inbox.claim()] == ["a1", "b1", None]
    assert first
    inbox.drop(first)
    assert text(inbox.claim()) == "a2"


def test_only_the_oldest_of_a_topic_is_given_out_where_the_whole_of_it_is_in_order(ordered: Lab) -> None:
    inbox = park(ordered, ("a", "a1"), ("b", "b1"))

    first = inbox.claim()

    assert (text(first), inbox.claim()) == ("a1", None)
    assert first
    inbox.drop(first)
    assert text(inbox.claim()) == "b1"


def test_what_was_tried_least_comes_first(lab: Lab) -> None:
    inbox = park(lab, ("a", "suspect"), ("b", "innocent"))
    assert text(inbox.claim()) == "suspect"
    ParkedMessage.objects.update(next_try_at=timezone.now())

    assert text(inbox.claim()) == "innocent"


def test_many_processes_never_get_the_same_message(lab: Lab) -> None:
    inbox = park(lab, *((f"k{number}", f"n{number}") for number in range(30)))

    def claim_all() -> list[str | None]:
        found = []
        while parked := inbox.claim():
            found.append(text(parked))
        return found

    given = [each for found in in_threads(6, claim_all) for each in found]

    assert len(given) == len(set(given)) >= 25  # a row that is locked just now is left for the next round


def test_a_claim_that_nobody_ends_runs_out_and_counts_as_a_crash(lab: Lab) -> None:
    inbox = park(lab, ("a", "x"))
    first = inbox.claim()
    assert first
    assert (first.crashes, first.failures) == (0, 0)
    assert ParkedMessage.objects.get().next_try_at <= timezone.now() + LEASE

    ParkedMessage.objects.update(next_try_at=timezone.now())
    second = inbox.claim()
    assert second
    assert second.crashes == 1

    inbox.put_back(second)
    third = inbox.claim()
    assert third
    assert (third.crashes, third.failures) == (1, 0)

    inbox.put_off(third, 0, "Boom")
    fourth = inbox.claim()
    assert fourth
    assert (fourth.crashes, fourth.failures) == (1, 1)


def test_a_failure_waits_its_time(lab: Lab) -> None:
    inbox = park(lab, ("a", "x"))
    parked = inbox.claim()
    assert parked

    inbox.put_off(parked, 60, "Boom: no")

    assert inbox.claim() is None
    row = ParkedMessage.objects.get()
    assert row.error == "Boom: no"
    assert row.next_try_at <= timezone.now() + timedelta(seconds=60)
    ParkedMessage.objects.update(next_try_at=timezone.now())
    assert text(inbox.claim()) == "x"


def test_an_effect_its_id_and_the_end_of_waiting_are_one(lab: Lab) -> None:
    inbox = park(lab, ("a", "x"))
    parked = inbox.claim()
    assert parked
    message = decode(parked.raw)

    def half(batch: Sequence[Received[Message]]) -> None:
        write("a", "half")
        raise Boom

    with pytest.raises(Boom):
        inbox.handle_parked(parked, message, half)
    assert (lab.effects(), InboxMessage.objects.count(), ParkedMessage.objects.count()) == ([], 0, 1)

    inbox.handle_parked(parked, message, lambda _: write("a", "whole"))
    inbox.handle_parked(parked, message, lambda _: write("a", "again"))
    assert (lab.effects(), InboxMessage.objects.count(), ParkedMessage.objects.count()) == (["whole"], 1, 0)


def test_one_id_in_many_processes_at_once_has_one_effect(lab: Lab) -> None:
    messages = [decode(lab.note(f"n{number}", about=f"k{number}")) for number in range(20)]
    backwards = list(reversed(messages))
    turns = iter([messages, backwards] * 3)
    lock = threading.Lock()

    def write_all(batch: Sequence[Received[Message]]) -> None:
        for received in batch:
            write("a", received.id)

    def handle() -> int:
        with lock:
            mine = next(turns)
        return SqlInbox().handle(mine, write_all)

    assert sum(in_threads(6, handle)) == 20
    assert len(lab.effects()) == len(set(lab.effects())) == 20


def test_a_lost_connection_is_made_anew(lab: Lab) -> None:
    inbox = SqlInbox()
    assert inbox.is_reachable()
    connection.connection.close()

    assert inbox.is_reachable()
    assert inbox.parked_keys() == set()


def _session() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def _end_this_session() -> None:
    """As a PostgreSQL that starts anew does to a consumer that waits for a message."""
    session, other = _session(), connection.copy()
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 10000)", [session])
    other.close()


def test_a_good_connection_is_kept(lab: Lab) -> None:
    """Red when each look at the store opens one."""
    inbox, session = SqlInbox(), _session()
    for number in range(3):
        assert inbox.is_reachable()
        assert inbox.handle([decode(lab.note(str(number)))], lambda _: None) == 1
    assert _session() == session


def test_a_connection_that_the_store_closed_is_noticed_before_the_next_message(lab: Lab) -> None:
    """Red when the message pays for it: it would fail, and be parked. See `_leave_closed_connection`."""
    inbox, session = SqlInbox(), _session()
    _end_this_session()
    assert inbox.handle([decode(lab.note("a"))], lambda _: None) == 1
    assert _session() != session


def test_the_lease_is_longer_than_a_statement_may_take() -> None:
    assert timedelta(milliseconds=STATEMENT_TIMEOUT_MS) < LEASE
