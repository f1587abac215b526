"""Orders that come at the same moment are written together, and each has an outcome of its own (ADR 0030)."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from apps.order import order_writer
from apps.order.models import Order, OrderLine
from shared.messaging.models import OutboxMessage
from shared.testing.fixtures import ClientFor
from shared.testing.tokens import ALICE
from tests.order.conftest import TEA
from tests.order.test_placing import BODY, place, slug
from tests.own_connection import own_connection
from tests.system.waiting import eventually

pytestmark = pytest.mark.usefixtures("shop")


class Door:
    """Holds the desk's turn: whoever comes meanwhile is written by whoever gets it next, all at once."""

    def __init__(self, client_for: ClientFor, threads: ThreadPoolExecutor) -> None:
        self._client_for, self._threads = client_for, threads
        self.written: list[int] = []  # orders in each statement

    def order(self, body: Any = BODY, key: str | None = None) -> "Future[Any]":
        """One more order that waits."""
        waiting = len(order_writer.WRITER._waiting)

        def one() -> Any:
            client = self._client_for(ALICE)
            client.raise_request_exception = (
                False  # what is raised in one thread, Django's client raises in all
            )
            with own_connection():
                return place(client, body, key)

        answer = self._threads.submit(one)
        eventually(
            lambda: len(order_writer.WRITER._waiting), lambda now: now == waiting + 1, what="one that waits"
        )
        return answer


@pytest.fixture
def door(client_for: ClientFor, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Any]]:
    with ThreadPoolExecutor(8) as threads:
        door = Door(client_for, threads)
        write = order_writer._write

        def counted(rows: Any, *lock_timeout: Any) -> Any:
            door.written.append(len(rows))
            return write(rows, *lock_timeout)

        monkeypatch.setattr(order_writer, "_write", counted)

        @contextmanager
        def held() -> Iterator[Door]:
            with order_writer.WRITER._turn:
                yield door

        yield held


def test_who_waits_is_written_with_one_statement(door: Callable[[], Any]) -> None:
    """Each with its own lines and its own message. Red when each order is written by itself."""
    with door() as waiting:
        answers = [waiting.order({**BODY, "items": BODY["items"][: 1 + n % 2]}) for n in range(5)]
    shown = [answer.result().json() for answer in answers]
    assert waiting.written == [5]
    assert len({order["id"] for order in shown}) == 5
    lines = Counter(str(order) for order in OrderLine.objects.values_list("order_id", flat=True))
    assert lines == {order["id"]: 1 + n % 2 for n, order in enumerate(shown)}
    told = {message.key: json.loads(message.payload) for message in OutboxMessage.objects.all()}
    assert {key: payload["total"] for key, payload in told.items()} == {
        order["id"]: order["total"] for order in shown
    }
    assert {order: told[order]["order_id"] for order in told} == {order: order for order in told}


def test_one_key_twice_among_those_who_wait(door: Callable[[], Any], client_for: ClientFor) -> None:
    """One order, one message, equal answers; the neighbours are placed. Red without `ON CONFLICT DO NOTHING`."""
    earlier = place(client_for(ALICE), key="earlier")
    with door() as waiting:
        twins = [waiting.order(key="k"), waiting.order(key="k")]
        neighbour, again = waiting.order(key="other"), waiting.order(key="earlier")
        reused = waiting.order({**BODY, "items": BODY["items"][:1]}, key="earlier")
    first, second = (answer.result() for answer in twins)
    assert (first.status_code, second.status_code, second.content) == (201, 201, first.content)
    assert again.result().content == earlier.content
    assert (reused.result().status_code, slug(reused.result())) == (422, "idempotency-key-reused")
    assert neighbour.result().status_code == 201
    assert waiting.written == [1, 5]
    assert Order.objects.count() == OutboxMessage.objects.count() == 3


def test_one_that_cannot_be_written_fails_alone(door: Callable[[], Any]) -> None:
    """Red when its neighbours hear of its failure, or it is told that it was placed."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE order_order ADD CONSTRAINT no_ninety CHECK (total <> 90 * 2.50)")
        try:
            with door() as waiting:
                good = [waiting.order(), waiting.order()]
                bad = waiting.order({**BODY, "items": [{"product_id": TEA, "quantity": 90}]})
            assert [answer.result().status_code for answer in good] == [201, 201]
            assert bad.result().status_code == 500
        finally:
            cursor.execute("ALTER TABLE order_order DROP CONSTRAINT no_ninety")
    assert sorted(waiting.written) == [1, 1, 1, 3]
    assert Order.objects.count() == OutboxMessage.objects.count() == 2


def test_who_has_to_wait_for_a_lock_holds_nobody_up(door: Callable[[], Any], client_for: ClientFor) -> None:
    """Another transaction has the key in hand. Red when the desk waits for it as long as the order itself does."""
    place(client_for(ALICE), key="k")
    with transaction.atomic():
        Order.objects.update(customer_id="somebody")
        with door() as waiting:
            held_up, neighbour = waiting.order(key="k"), waiting.order(key="other")
        assert neighbour.result(timeout=30).status_code == 201
        assert not held_up.done()
    assert held_up.result().status_code == 201
    assert Order.objects.count() == 3


def test_an_answer_that_was_lost(client_for: ClientFor, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was committed is not said to have failed, nor written twice. Red without the look for the order's own id."""
    write = order_writer._write

    def lost(rows: Any, lock_timeout: str | None = None) -> Any:
        placed = write(rows, lock_timeout)
        if lock_timeout:
            raise DatabaseError("The answer was lost.")
        return placed

    monkeypatch.setattr(order_writer, "_write", lost)
    assert place(client_for(ALICE)).status_code == 201
    assert Order.objects.count() == OutboxMessage.objects.count() == OrderLine.objects.count() - 1 == 1
