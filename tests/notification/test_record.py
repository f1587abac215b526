"""Telling customers, as the consumer does it: once for each event, numbered without a gap."""

import threading
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.notification.handlers import HANDLERS, PERIODIC
from apps.notification.models import CustomerCursor, Notification
from shared import contracts
from shared.messaging import purge
from shared.messaging.models import InboxMessage
from shared.messaging.periodic import run_due
from tests.notification.builders import confirmed, happened, hear, tell
from tests.own_connection import own_connection
from tests.retention import oldest_message

pytestmark = pytest.mark.django_db(transaction=True)


def ids_of(customer: str) -> list[int]:
    return list(Notification.objects.filter(customer_id=customer).order_by("id").values_list("id", flat=True))


@pytest.mark.parametrize(
    ("kind", "event", "title", "word"),
    [
        (contracts.OrderConfirmed, "order.confirmed", "Order 2026-000017 is confirmed", "19.50 EUR"),
        (contracts.OrderRejected, "order.rejected", "Order 2026-000017 could not be placed", "too few lamps"),
        (contracts.OrderCancelled, "order.cancelled", "Order 2026-000017 is cancelled", "too few lamps"),
        (contracts.OrderShipped, "order.shipped", "Order 2026-000017 is on its way", "left our house"),
        (contracts.OrderDelivered, "order.delivered", "Order 2026-000017 has arrived", "delivered"),
    ],
)
def test_each_event_has_its_words(
    customer: str, kind: type[contracts.OrderEvent], event: str, title: str, word: str
) -> None:
    message = happened(kind, customer, reason="too few lamps")
    hear(message)
    told = Notification.objects.get(customer_id=customer)
    assert (told.id, told.event, told.title, told.order_id) == (1, event, title, message.message.order_id)
    assert word in told.body
    assert told.data == {
        "number": "2026-000017",
        "total": "19.50",
        "currency": "EUR",
        "reason": "too few lamps",
    }
    assert told.read_at is None


def test_an_order_without_number_and_reason_still_reads_well(customer: str) -> None:
    order = uuid.UUID("0c0ffee0-0000-4000-8000-000000000000")
    hear(happened(contracts.OrderRejected, customer, order, number=None))
    told = Notification.objects.get(customer_id=customer)
    assert told.title == "Order 0c0ffee0 could not be placed"
    assert "None" not in told.body
    assert told.data["number"] is None


@pytest.mark.parametrize(("name", "said"), [("Lamp", "Lamp"), ("", "one of the products")])
def test_a_reason_names_products_and_not_their_ids(customer: str, name: str, said: str) -> None:
    """Also where an earlier release's order service sent ids. Red without `with_names` in `reason_of`."""
    items = (contracts.OrderedItem(product_id="a" * 24, quantity=2, name=name),)
    hear(
        happened(contracts.OrderRejected, customer, reason=f"{'a' * 24}: 2 wanted, 1 available", items=items)
    )
    told = Notification.objects.get(customer_id=customer)
    assert told.data["reason"] == f"{said}: 2 wanted, 1 available"
    assert told.body.endswith(told.data["reason"])


def test_braces_in_a_reason_are_only_text(customer: str) -> None:
    hear(happened(contracts.OrderCancelled, customer, reason="{order.__class__} {0} }{"))
    assert "{order.__class__} {0} }{" in Notification.objects.get(customer_id=customer).body


def test_a_submission_and_a_wish_to_cancel_are_not_news() -> None:
    silent = {contracts.OrderSubmitted, contracts.OrderCancellationRequested}
    events = {message for message in contracts.MESSAGES if issubclass(message, contracts.OrderEvent)}
    assert set(HANDLERS) == events - silent


def test_a_message_that_comes_three_times_is_told_once(customer: str) -> None:
    message = confirmed(customer)
    assert [hear(message), hear(message), hear(message)] == [1, 0, 0]
    assert ids_of(customer) == [1]


def test_a_replay_after_the_inbox_was_purged_changes_nothing(customer: str) -> None:
    history = [confirmed(customer) for _ in range(4)]
    history += [happened(contracts.OrderShipped, customer, message.message.order_id) for message in history]
    hear(*history)
    before = list(Notification.objects.filter(customer_id=customer).order_by("id").values())
    InboxMessage.objects.all().delete()
    assert hear(*history) == 8
    assert list(Notification.objects.filter(customer_id=customer).order_by("id").values()) == before
    tell(customer)
    assert ids_of(customer) == list(range(1, 10))


def test_the_same_event_twice_in_one_batch_is_told_once(customer: str) -> None:
    order = uuid.uuid4()
    hear(confirmed(customer, order), confirmed(customer, order), confirmed(customer))
    assert ids_of(customer) == [1, 2]


def test_a_batch_keeps_its_order_and_numbers_each_customer_apart() -> None:
    customers = [str(uuid.uuid4()) for _ in range(3)]
    orders = [uuid.uuid4() for _ in range(9)]
    batch = [confirmed(customers[i % 3], order) for i, order in enumerate(orders)]
    batch += [happened(contracts.OrderShipped, customers[i % 3], order) for i, order in enumerate(orders)]
    hear(*batch)
    for place, customer in enumerate(customers):
        told = Notification.objects.filter(customer_id=customer).order_by("id")
        assert [row.id for row in told] == [1, 2, 3, 4, 5, 6]
        mine = orders[place::3]
        assert [(row.event, row.order_id) for row in told] == (
            [("order.confirmed", order) for order in mine] + [("order.shipped", order) for order in mine]
        )


def test_the_number_of_queries_does_not_depend_on_the_batch() -> None:
    def queries(size: int) -> int:
        batch = [confirmed(str(uuid.uuid4())) for _ in range(size)]
        with CaptureQueriesContext(connection) as captured:
            hear(*batch)
        return len(captured)

    assert queries(1) == queries(100)


def test_numbers_of_a_transaction_that_fails_are_taken_back(customer: str) -> None:
    tell(customer)
    with transaction.atomic():
        tell(customer, 2)
        transaction.set_rollback(True)
    tell(customer)
    assert ids_of(customer) == [1, 2]
    assert CustomerCursor.objects.get(customer_id=customer).last_id == 2


def test_writers_that_share_customers_neither_deadlock_nor_leave_a_gap() -> None:
    customers = [str(uuid.uuid4()) for _ in range(100)]

    def write(turn: int) -> None:
        ordered = customers if turn % 2 else customers[::-1]
        hear(*(confirmed(customer) for customer in ordered))

    in_threads(write, range(40))
    for customer in customers:
        assert ids_of(customer) == list(range(1, 41))


def test_one_fact_from_two_writers_at_once_is_told_once(customer: str) -> None:
    for _ in range(10):
        order = uuid.uuid4()
        together = threading.Barrier(4)

        def write(_: int, order: uuid.UUID = order, together: threading.Barrier = together) -> None:
            together.wait()
            try:
                hear(confirmed(customer, order))
            except IntegrityError:  # the engine rolls back and tries again
                hear(confirmed(customer, order))

        in_threads(write, range(4))
    assert ids_of(customer) == list(range(1, 11))


def test_the_inbox_forgets_only_what_kafka_cannot_bring_again(customer: str) -> None:
    tell(customer)
    old = InboxMessage.objects.create(message_id="old", handled_at=timezone.now() - purge.KEEP_IDS * 1.01)
    young = InboxMessage.objects.create(message_id="young", handled_at=timezone.now() - oldest_message())
    for job in PERIODIC:
        assert job.run() is False
    left = set(InboxMessage.objects.values_list("message_id", flat=True))
    assert old.message_id not in left
    assert young.message_id in left
    assert len(left) == 2


def test_the_inbox_forgets_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """One statement for all would take longer than a statement may, again and again. Red when it is one."""
    monkeypatch.setattr(purge, "PIECE", 3)
    long_ago = timezone.now() - purge.KEEP_IDS * 2
    InboxMessage.objects.bulk_create(
        InboxMessage(message_id=f"old-{number}", handled_at=long_ago) for number in range(7)
    )
    left = []
    for _ in range(3):
        run_due(PERIODIC)  # as the consumer does in each turn
        left.append(InboxMessage.objects.filter(handled_at=long_ago).count())
    assert left == [4, 1, 0]


def in_threads(work: Callable[[int], None], turns: Sequence[int]) -> None:
    """Run `work` for each of `turns` in four threads; raises what any of them raises."""

    def alone(turn: int) -> None:
        with own_connection():
            work(turn)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(alone, turns))
