"""What a worker does in the saga's database: batches, locks, lost wake-ups, a neighbour that fails."""

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

from apps.saga import handlers, orchestrator, updates, waiting_events
from apps.saga.models import Saga, SagaEvent
from apps.saga.placement import PLACEMENT
from shared import contracts as c
from shared.contracts.message import AboutOrder
from shared.messaging.models import OutboxMessage
from shared.testing.messages import received
from tests.own_connection import own_connection

pytestmark = pytest.mark.django_db(transaction=True)
PRODUCT = "a" * 24


SECONDS = 60.0  # a drain may take as long as the machine needs


@pytest.fixture(autouse=True)
def no_wake_ups(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every wake-up is lost here: the tests call the orchestrator as the worker would."""
    sent: list[str] = []
    monkeypatch.setattr(handlers, "wake", lambda: sent.append("drain"))
    return sent


def submit(*order_ids: UUID) -> None:
    """The consumer could not move them at once (tests/saga/test_moving_at_once.py): a worker will."""
    with transaction.atomic():
        handlers.start_later([received(_submitted(order_id)) for order_id in order_ids])


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
        handlers.start_later([received(order.model_copy(update={"items": items}))])
    submit(nameless)
    assert Saga.objects.get(order_id=named).product_names == {PRODUCT: "Tea"}
    assert Saga.objects.get(order_id=nameless).product_names == {PRODUCT: ""}


def tell(*events: c.StockReserved | c.StockCommitted) -> None:
    with transaction.atomic():
        handlers.move_later([received(event) for event in events])


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
        handlers.start_later([received(_submitted(order_id).model_copy(update={"items": (item,)}))])
    orchestrator.advance([order_id])

    row = OutboxMessage.objects.get(key=str(order_id))
    quoted = c.QuotedItem(product_id=PRODUCT, quantity=2, product_version=version)
    assert c.ReserveStock.model_validate_json(row.payload).items == (quoted,)


def test_commands_carry_the_trace_and_the_cause() -> None:
    order_id = uuid4()
    message = received(_submitted(order_id))
    with transaction.atomic():
        handlers.start_later([message])
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
    assert orchestrator.advance([broken, fine]) == 2, "one moved, one was put off"
    assert sent(fine) == ["stock.reserve.v1"]
    assert SagaEvent.objects.get().order_id == broken


def test_a_lost_wake_up_is_found() -> None:
    order_id = uuid4()
    submit(order_id)
    assert orchestrator.sweep(SECONDS)
    assert sent(order_id) == ["stock.reserve.v1"]


def test_one_wake_up_moves_all_that_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Red when a worker that is behind needs a task for each of them."""
    monkeypatch.setattr(orchestrator, "BATCH", 10)
    orders = [uuid4() for _ in range(25)]
    submit(*orders)
    assert orchestrator.drain(SECONDS)
    assert [sent(order_id) for order_id in orders] == [["stock.reserve.v1"]] * len(orders)


def test_the_oldest_event_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever saga it is of. Red with any other order of `WITH_EVENTS`."""
    monkeypatch.setattr(orchestrator, "BATCH", 1)
    orders = [uuid4() for _ in range(4)]
    for order_id in reversed(orders):
        submit(order_id)
    assert not orchestrator.drain(0), "one pass, and something is left"
    assert [len(sent(order_id)) for order_id in orders] == [0, 0, 0, 1]


def test_a_passed_deadline_is_found_and_asked_again() -> None:
    order_id = uuid4()
    submit(order_id)
    orchestrator.advance([order_id])
    pass_the_deadline(order_id)
    assert orchestrator.sweep(SECONDS)
    assert sent(order_id) == ["stock.reserve.v1"] * 2
    assert orchestrator.sweep(SECONDS)
    assert len(sent(order_id)) == 2


def test_a_saga_that_is_stuck_is_written_down_as_that() -> None:
    """No event and no command comes with it. Red when only those are a reason to save."""
    order_id = uuid4()
    submit(order_id)
    orchestrator.advance([order_id])
    saga = Saga.objects.get()
    saga.record(saga.step)["attempts"] = 1_000  # type: ignore[index]
    saga.status = "compensating"
    saga.save()
    pass_the_deadline(order_id)
    assert orchestrator.sweep(SECONDS)
    saga.refresh_from_db()
    assert (saga.shown_status, saga.deadline) == ("stuck", None)
    assert saga.history[-1]["event"] == "stuck"


def test_one_that_fails_waits_and_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Red when it is the oldest in every pass, or is tried again without end."""
    monkeypatch.setattr(orchestrator, "BATCH", 1)
    broken, fine = uuid4(), uuid4()
    submit(broken, fine)
    SagaEvent.objects.filter(order_id=broken).update(type="of-no-contract.v1")
    assert orchestrator.drain(SECONDS)
    assert sent(fine) == ["stock.reserve.v1"]
    saga = Saga.objects.get(order_id=broken)
    assert saga.failures == 1
    assert saga.retry_at is not None
    assert orchestrator.drain(SECONDS)
    saga.refresh_from_db()
    assert saga.failures == 1, "its time has not come"


def test_one_that_failed_goes_on_when_its_time_has_come() -> None:
    order_id = uuid4()
    submit(order_id)
    SagaEvent.objects.update(type="of-no-contract.v1")
    orchestrator.drain(SECONDS)
    Saga.objects.update(retry_at=timezone.now() - timedelta(seconds=1))
    orchestrator.drain(SECONDS)
    first = Saga.objects.get()
    assert first.failures == 2
    assert first.retry_at is not None
    assert first.retry_at - timezone.now() > timedelta(seconds=2), "twice as long as the first time"
    SagaEvent.objects.update(type=c.OrderSubmitted.TYPE)
    assert orchestrator.wake_by_hand(first.pk) is not None
    saga = Saga.objects.get()
    assert (saga.failures, saga.retry_at) == (0, None)
    assert sent(order_id) == ["stock.reserve.v1"]


def test_one_that_cannot_be_written_holds_up_nobody() -> None:
    """What its neighbours decided is not lost with it. Red without `_alone`."""
    broken, fine = uuid4(), uuid4()
    submit(broken, fine)
    Saga.objects.filter(order_id=broken).update(traceparent="00-" + "x" * 57)
    with connection.cursor() as cursor:
        cursor.execute(
            "ALTER TABLE saga_saga ADD CONSTRAINT a_test CHECK (step = '' OR traceparent NOT LIKE '00-xxx%')"
        )
    try:
        assert orchestrator.drain(SECONDS)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE saga_saga DROP CONSTRAINT a_test")
    assert (sent(broken), sent(fine)) == ([], ["stock.reserve.v1"])
    assert Saga.objects.get(order_id=broken).failures == 1


def test_what_a_later_release_moved_is_left_to_it() -> None:
    """Two releases side by side: the older one has no step of that name, and would leave it out."""
    order_id = uuid4()
    submit(order_id)
    Saga.objects.update(version=PLACEMENT.version + 1)
    assert orchestrator.drain(SECONDS)
    assert orchestrator.sweep(SECONDS)
    saga = Saga.objects.get()
    assert (saga.steps, saga.failures) == ([], 0)
    assert SagaEvent.objects.exists()


def test_whatever_may_change_of_a_saga_is_written() -> None:
    """Red when a field is added to the model and not to `updates.MOVED` or `updates.NEW`."""
    fixed = {"id", "kind", "order_id", "customer_id", "items", "traceparent", "created_at"}
    assert {field.name for field in Saga._meta.concrete_fields} - fixed == set(updates.MOVED)
    assert {field.name for field in Saga._meta.concrete_fields} == set(updates.NEW)


def test_two_workers_share_what_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one has locked the other leaves to it, and does not wait for. Red without SKIP LOCKED."""
    orders = [uuid4() for _ in range(20)]
    submit(*orders)
    monkeypatch.setattr(orchestrator, "BATCH", 8)
    with transaction.atomic():
        mine = orchestrator._pick(orchestrator.WITH_EVENTS)
        assert len(mine) == 8
        other = Thread(target=_drain_in_a_thread)
        other.start()
        other.join()
        assert sum(len(sent(order_id)) for order_id in orders) == 12
        orchestrator._advance(mine)
    assert [len(sent(order_id)) for order_id in orders] == [1] * 20


def test_a_second_submission_changes_nothing_of_a_saga_that_has_begun() -> None:
    """Replayed by hand, with an id that the inbox has forgotten. Red when `engine.start` begins anew."""
    order_id = uuid4()
    submit(order_id)
    orchestrator.advance([order_id])
    tell(c.StockReserved(order_id=order_id))
    orchestrator.advance([order_id])
    before = Saga.objects.values("steps", "history", "step").get()
    submit(order_id)
    orchestrator.advance([order_id])
    assert Saga.objects.values("steps", "history", "step").get() == before
    assert sent(order_id) == ["stock.reserve.v1", "stock.commit.v1"]


def pass_the_deadline(order_id: UUID) -> None:
    Saga.objects.filter(order_id=order_id).update(deadline=timezone.now() - timedelta(seconds=1))


def _drain_in_a_thread() -> None:
    with own_connection():
        orchestrator.drain(SECONDS)


def test_waking_twice_at_once_sends_once() -> None:
    """Workers with a wake-up each: what one has locked the others leave alone, and what it applied is gone."""
    order_id = uuid4()
    submit(order_id)
    barrier = Barrier(4)

    def work() -> None:
        barrier.wait()
        with own_connection():
            orchestrator.drain(SECONDS)

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
    assert len(captured) <= 9
    assert OutboxMessage.objects.count() == len(orders)


def test_writing_events_down_is_one_statement() -> None:
    """In its transaction: BEGIN, the events, COMMIT; the sagas come before them where they are new."""
    orders = [uuid4() for _ in range(50)]
    with CaptureQueriesContext(connection) as captured:
        submit(*orders)
    assert len(captured) == 4
    with CaptureQueriesContext(connection) as captured:
        tell(*(c.StockReserved(order_id=order_id) for order_id in orders))
    assert len(captured) == 3
    assert SagaEvent.objects.count() == 100


def test_events_are_kept_in_the_order_in_which_they_came() -> None:
    """Red without `ORDER BY ordinality`, or with a join that turns it around."""
    orders = [uuid4() for _ in range(20)]
    submit(*orders)
    SagaEvent.objects.all().delete()
    events: list[AboutOrder] = []
    for order_id in reversed(orders):
        events += [c.StockReserved(order_id=order_id), c.StockCommitted(order_id=order_id)]
    batch = [received(event) for event in events]
    with transaction.atomic():
        handlers.move_later(batch)
    kept = list(SagaEvent.objects.order_by("id").values_list("message_id", "type", "order_id", "data"))
    assert kept == [
        (
            each.id,
            each.message.TYPE,
            each.message.order_id,
            each.message.model_dump(mode="json", exclude_none=True),
        )
        for each in batch
    ]


def test_a_drain_of_one_batch_is_ten_statements() -> None:
    """One transaction of eight, the relay's wake-up, and one look whether anything has come meanwhile. Red when it passes once more to see that."""
    orders = [uuid4() for _ in range(50)]
    submit(*orders)
    with CaptureQueriesContext(connection) as captured:
        assert orchestrator.drain(SECONDS)
    assert len(captured) == 10
    assert OutboxMessage.objects.count() == len(orders)


def test_a_drain_sees_what_came_while_it_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also for a saga that another worker had to leave alone meanwhile. Red without the look after a pass."""
    first, second = uuid4(), uuid4()
    submit(first)
    passed = orchestrator._pass

    def and_meanwhile(pick: orchestrator.Pick) -> int:
        changed = passed(pick)
        if not Saga.objects.filter(order_id=second).exists():
            submit(second)
        return changed

    monkeypatch.setattr(orchestrator, "_pass", and_meanwhile)
    assert orchestrator.drain(SECONDS)
    assert [sent(order_id) for order_id in (first, second)] == [["stock.reserve.v1"]] * 2


def test_sagas_are_looked_up_and_not_all_read() -> None:
    """However many there are, and however many events PostgreSQL believes to wait. Red with a plain join of the events."""
    orders = [uuid4() for _ in range(3000)]
    submit(*orders)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE saga_saga, saga_sagaevent")
        values: dict[str, Any] = {"known": "[]", "now": timezone.now(), "limit": 200}
        cursor.execute(f"EXPLAIN {orchestrator.WITH_EVENTS}", values)
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "Seq Scan on saga_saga " not in plan, plan


def test_an_event_without_a_saga_is_refused() -> None:
    """The consumer tries it again for a while, then it is a dead letter."""
    with pytest.raises(waiting_events.UnknownSaga):
        tell(c.StockReserved(order_id=uuid4()))
    assert not SagaEvent.objects.exists()


def test_one_wake_up_for_a_whole_batch(no_wake_ups: list[str]) -> None:
    submit(uuid4(), uuid4(), uuid4())
    assert no_wake_ups == ["drain"]
