"""The saga in its database: batches, locks, lost wake-ups, a neighbour that fails."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from threading import Barrier, Thread
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.saga import handlers, orchestrator, tasks
from apps.saga.models import Saga, SagaEvent
from shared import contracts as c
from shared.messaging.models import OutboxMessage
from shared.testing.messages import received
from tests.patience import own_connection

pytestmark = pytest.mark.django_db(transaction=True)
PRODUCT = "a" * 24


@pytest.fixture(autouse=True)
def no_wake_ups(monkeypatch: pytest.MonkeyPatch) -> list[set[UUID]]:
    """Every wake-up is lost here: the tests call the orchestrator as the worker would."""
    sent: list[set[UUID]] = []
    monkeypatch.setattr(handlers, "wake", sent.append)
    return sent


def submit(*order_ids: UUID) -> None:
    with transaction.atomic():
        handlers.start([received(_submitted(order_id)) for order_id in order_ids])


def _submitted(order_id: UUID) -> c.OrderSubmitted:
    items = (c.OrderedItem(product_id=PRODUCT, quantity=2),)
    return c.OrderSubmitted(
        order_id=order_id, customer_id="alice", items=items, total=Decimal(2), currency="EUR"
    )


def test_a_saga_remembers_what_the_products_are_called() -> None:
    """Red without `name` in `handlers._saga`: the customer would read ids."""
    named, nameless = uuid4(), uuid4()
    order = _submitted(named)
    items = (c.OrderedItem(product_id=PRODUCT, quantity=2, name="Tea"),)
    with transaction.atomic():
        handlers.start([received(order.model_copy(update={"items": items}))])
    submit(nameless)
    assert Saga.objects.get(order_id=named).product_names == {PRODUCT: "Tea"}
    assert Saga.objects.get(order_id=nameless).product_names == {PRODUCT: ""}


def tell(*events: c.StockReserved | c.StockCommitted) -> None:
    with transaction.atomic():
        handlers.keep([received(event) for event in events])


def sent(order_id: UUID) -> list[str]:
    rows = OutboxMessage.objects.filter(key=str(order_id)).order_by("id")
    return [row.headers["ce_type"] for row in rows]


def test_events_become_commands_in_one_transaction() -> None:
    order_id = uuid4()
    submit(order_id)
    assert sent(order_id) == []
    assert orchestrator.advance([order_id]) == 1
    assert sent(order_id) == ["stock.reserve.v1"]
    assert not SagaEvent.objects.exists()


@pytest.mark.parametrize("version", [7, None])
def test_a_reserve_names_the_version_that_the_order_quoted(version: int | None) -> None:
    """An order of the release before names none."""
    item = c.OrderedItem(product_id=PRODUCT, quantity=2, product_version=version)
    order_id = uuid4()
    with transaction.atomic():
        handlers.start([received(_submitted(order_id).model_copy(update={"items": (item,)}))])
    orchestrator.advance([order_id])

    row = OutboxMessage.objects.get(key=str(order_id))
    quoted = c.QuotedItem(product_id=PRODUCT, quantity=2, product_version=version)
    assert c.ReserveStock.model_validate_json(row.payload).items == (quoted,)


def test_commands_carry_the_trace_and_the_cause() -> None:
    order_id = uuid4()
    message = received(_submitted(order_id))
    with transaction.atomic():
        handlers.start([message])
    orchestrator.advance([order_id])
    headers = OutboxMessage.objects.get(key=str(order_id)).headers
    assert headers["traceparent"][3:35] == (message.traceparent or "")[3:35]
    assert headers["ce_causationid"] == message.id


def test_a_failure_at_the_end_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed before the commit, the events are still waiting and no command was sent."""
    order_id = uuid4()
    submit(order_id)

    def die(_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("apps.saga.orchestrator.outbox.publish_all", die)
        with pytest.raises(KeyboardInterrupt):
            orchestrator.advance([order_id])
    assert SagaEvent.objects.count() == 1
    orchestrator.advance([order_id])
    assert sent(order_id) == ["stock.reserve.v1"]


def test_one_that_fails_holds_up_no_neighbour() -> None:
    broken, fine = uuid4(), uuid4()
    submit(broken, fine)
    Saga.objects.filter(order_id=broken).update(kind="of-a-later-release")
    assert orchestrator.advance([broken, fine]) == 1
    assert sent(fine) == ["stock.reserve.v1"]
    assert SagaEvent.objects.get().order_id == broken


def test_a_lost_wake_up_is_found() -> None:
    order_id = uuid4()
    submit(order_id)
    now = SagaEvent.objects.get().received_at + timedelta(seconds=0.5)
    assert orchestrator.due(now) == []
    assert orchestrator.due(now + timedelta(seconds=3)) == [order_id]


def test_a_worker_that_is_behind_takes_along_what_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any wake-up moves every saga whose own stands in the queue. Red without `orchestrator.queued` in the task."""
    waiting, fresh, woken = uuid4(), uuid4(), uuid4()
    submit(waiting)
    SagaEvent.objects.update(received_at=timezone.now() - timedelta(seconds=5))
    submit(fresh)
    submit(woken)
    now = SagaEvent.objects.get(order_id=fresh).received_at
    monkeypatch.setattr(timezone, "now", lambda: now)
    tasks.advance([str(woken)])
    assert [len(sent(order_id)) for order_id in (waiting, fresh, woken)] == [1, 0, 1]


def test_what_fails_again_and_again_is_left_to_the_sweep() -> None:
    """Red without `HOPEFUL`: each wake-up would try it again, and say so in the log."""
    order_id = uuid4()
    submit(order_id)
    SagaEvent.objects.update(received_at=timezone.now() - timedelta(seconds=90))
    now = timezone.now()
    assert (orchestrator.queued(now), orchestrator.due(now)) == ([], [order_id])


def test_a_passed_deadline_is_found_and_asked_again() -> None:
    order_id = uuid4()
    submit(order_id)
    orchestrator.advance([order_id])
    Saga.objects.update(deadline=timezone.now() - timedelta(seconds=1))
    assert orchestrator.due(timezone.now()) == [order_id]
    orchestrator.advance([order_id])
    assert sent(order_id) == ["stock.reserve.v1"] * 2
    assert orchestrator.due(timezone.now()) == []


def test_waking_twice_at_once_sends_once() -> None:
    """Two workers with the same wake-up: the row lock lets the second see what the first did."""
    order_id = uuid4()
    submit(order_id)
    barrier = Barrier(4)

    def work() -> None:
        barrier.wait()
        with own_connection():
            orchestrator.advance([order_id])

    threads = [Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sent(order_id) == ["stock.reserve.v1"]


def test_round_trips_do_not_grow_with_the_batch(django_assert_max_num_queries: Callable[[int], Any]) -> None:
    orders = [uuid4() for _ in range(50)]
    submit(*orders)
    with CaptureQueriesContext(connection) as captured:
        assert orchestrator.advance(orders) == len(orders)
    assert len(captured) <= 8
    assert OutboxMessage.objects.count() == len(orders)


def test_an_event_without_a_saga_is_refused() -> None:
    """The consumer tries it again for a while, then it is a dead letter."""
    with pytest.raises(handlers.UnknownSaga):
        tell(c.StockReserved(order_id=uuid4()))
    assert not SagaEvent.objects.exists()


def test_one_wake_up_for_a_whole_batch(no_wake_ups: list[set[UUID]]) -> None:
    orders = {uuid4(), uuid4(), uuid4()}
    submit(*orders)
    assert no_wake_ups == [orders]
