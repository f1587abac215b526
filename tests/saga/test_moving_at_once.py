"""An event moves its saga in the transaction that takes it; what cannot be moved waits for a worker."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from threading import Event, Thread
from uuid import UUID, uuid4

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.saga import engine, handlers, orchestrator, waiting_events
from apps.saga.models import Saga, SagaEvent
from apps.saga.placement import PLACEMENT
from shared import contracts as c
from shared.contracts.message import AboutOrder
from shared.messaging.dispatch import dispatch
from shared.messaging.inbox import SqlInbox
from shared.messaging.models import OutboxMessage
from shared.testing.messages import received
from tests.own_connection import own_connection

pytestmark = pytest.mark.django_db(transaction=True)
SECONDS = 60.0
RESERVE, COMMIT, CONFIRM, EMPTY = (
    "stock.reserve.v1",
    "stock.commit.v1",
    "order.confirm.v1",
    "basket.remove-items.v1",
)


@pytest.fixture(autouse=True)
def woken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The wake-ups that were sent: a worker is called by hand here."""
    sent: list[str] = []
    monkeypatch.setattr(handlers, "wake", lambda: sent.append("drain"))
    return sent


def take(*events: AboutOrder) -> None:
    """As the consumer does: a batch in one transaction, with the ids of its messages."""
    SqlInbox().handle([received(each) for each in events], lambda fresh: dispatch(fresh, handlers.HANDLERS))


def submitted(order_id: UUID) -> c.OrderSubmitted:
    items = (c.OrderedItem(product_id="a" * 24, quantity=2, name="Tea"),)
    return c.OrderSubmitted(
        order_id=order_id, customer_id="alice", items=items, total=Decimal(2), currency="EUR"
    )


def confirmed(order_id: UUID) -> c.OrderConfirmed:
    return c.OrderConfirmed.model_validate(submitted(order_id).model_dump())


def sent(order_id: UUID) -> list[str]:
    rows = OutboxMessage.objects.filter(key__in=[str(order_id), "alice"]).order_by("id")
    return [row.headers["ce_type"] for row in rows]


@contextmanager
def locked(order_id: UUID) -> Iterator[None]:
    """Somebody else is working on the saga."""
    holds, done = Event(), Event()

    def hold() -> None:
        with own_connection(), transaction.atomic():
            Saga.objects.select_for_update().get(order_id=order_id)
            holds.set()
            done.wait(SECONDS)

    holder = Thread(target=hold)
    holder.start()
    try:
        assert holds.wait(SECONDS)
        yield
    finally:
        done.set()
        holder.join()


def test_an_order_that_goes_well_needs_no_worker(woken: list[str]) -> None:
    """Red when any of its events is written down."""
    order_id = uuid4()
    steps: list[AboutOrder] = [
        submitted(order_id),
        c.StockReserved(order_id=order_id),
        c.StockCommitted(order_id=order_id),
        confirmed(order_id),
    ]
    for count, event in enumerate(steps, 1):
        take(event)
        assert sent(order_id) == [RESERVE, COMMIT, CONFIRM, EMPTY][:count]
    assert Saga.objects.get().status == "completed"
    assert not SagaEvent.objects.exists()
    assert woken == []


def test_events_of_one_batch_are_applied_in_their_order() -> None:
    order_id = uuid4()
    take(submitted(order_id))
    take(c.StockReserved(order_id=order_id), c.StockCommitted(order_id=order_id))
    assert sent(order_id) == [RESERVE, COMMIT, CONFIRM]


def test_a_command_carries_the_trace_of_the_order_and_its_cause() -> None:
    message = received(submitted(uuid4()))
    with transaction.atomic():
        handlers.start([message])
    headers = OutboxMessage.objects.get().headers
    assert headers["ce_causationid"] == message.id
    assert headers["traceparent"][3:35] == (message.traceparent or "")[3:35]


@pytest.mark.parametrize("at", ["saga.written", "insert"])
def test_a_process_that_dies_takes_nothing_with_it(monkeypatch: pytest.MonkeyPatch, at: str) -> None:
    """Before the commit neither the saga nor its command is there, and the message comes again."""
    order_id = uuid4()

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        name = "crash_point" if at == "saga.written" else "updates.insert"
        patch.setattr(f"apps.saga.orchestrator.{name}", die)
        with pytest.raises(KeyboardInterrupt):
            take(submitted(order_id))
    assert (Saga.objects.count(), OutboxMessage.objects.count()) == (0, 0)
    take(submitted(order_id))
    assert sent(order_id) == [RESERVE]


def test_one_that_somebody_else_has_is_not_waited_for(woken: list[str]) -> None:
    """Its neighbours move, its event waits for a worker. Red without SKIP LOCKED: the test never ends."""
    held, free = uuid4(), uuid4()
    take(submitted(held), submitted(free))
    with locked(held):
        take(c.StockReserved(order_id=held), c.StockReserved(order_id=free))
        assert SagaEvent.objects.get().order_id == held
    assert woken == ["drain"]
    assert COMMIT in sent(free)
    assert orchestrator.drain(SECONDS)
    assert Saga.objects.get(order_id=held).step == "commit-stock"


def test_older_events_come_first(woken: list[str]) -> None:
    """Red without NOT EXISTS in `FREE`: the saga would be told that stock is taken before it is reserved."""
    order_id = uuid4()
    take(submitted(order_id))
    with locked(order_id):
        take(c.StockReserved(order_id=order_id))
    take(c.StockCommitted(order_id=order_id))
    assert SagaEvent.objects.count() == 2
    assert orchestrator.drain(SECONDS)
    assert sent(order_id) == [RESERVE, COMMIT, CONFIRM]
    assert len(woken) == 2


def test_one_that_fails_is_put_off_and_holds_up_no_neighbour(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its event is kept; the next one does not pass it. Red without `_put_off` in `move_at_once`."""
    broken, fine = uuid4(), uuid4()
    take(submitted(broken), submitted(fine))
    engine_apply = engine.apply

    def apply(saga: Saga, *rest: object) -> object:
        if saga.order_id == broken:
            raise ValueError("a bug")
        return engine_apply(saga, *rest)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(engine, "apply", apply)
        take(c.StockReserved(order_id=broken), c.StockReserved(order_id=fine))
    assert COMMIT in sent(fine)
    saga = Saga.objects.get(order_id=broken)
    assert (saga.failures, saga.step) == (1, "reserve-stock")
    assert SagaEvent.objects.get().order_id == broken

    take(c.StockCommitted(order_id=broken))
    assert SagaEvent.objects.count() == 2
    Saga.objects.update(retry_at=timezone.now() - timedelta(seconds=1))
    assert orchestrator.drain(SECONDS)
    assert Saga.objects.get(order_id=broken).step == "confirm-order"


def test_one_that_cannot_begin_is_kept_for_a_worker(
    monkeypatch: pytest.MonkeyPatch, woken: list[str]
) -> None:
    """Red where `begin` loses it, or writes what is half begun."""
    broken, fine = uuid4(), uuid4()
    engine_start = engine.start

    def start(saga: Saga, *rest: object) -> object:
        commands = engine_start(saga, *rest)  # type: ignore[arg-type]
        if saga.order_id == broken:
            raise ValueError("a bug")
        return commands

    with monkeypatch.context() as patch:
        patch.setattr(engine, "start", start)
        take(submitted(broken), submitted(fine))
    assert Saga.objects.get(order_id=broken).steps == []
    assert Saga.objects.get(order_id=fine).step == "reserve-stock"
    assert woken == ["drain"]
    assert orchestrator.drain(SECONDS)
    assert [row.key for row in OutboxMessage.objects.order_by("id")] == [str(fine), str(broken)]


@contextmanager
def unwritable(condition: str) -> Iterator[None]:
    """PostgreSQL refuses sagas for which `condition` does not hold."""
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE saga_saga ADD CONSTRAINT a_test CHECK ({condition}) NOT VALID")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE saga_saga DROP CONSTRAINT a_test")


def test_one_that_cannot_be_written_loses_nothing() -> None:
    """The events of the whole batch are kept, a worker moves each by itself. Red without TryAgain."""
    broken, fine = uuid4(), uuid4()
    take(submitted(broken), submitted(fine))
    with unwritable(f"step <> 'commit-stock' OR order_id <> '{broken}'"):
        take(c.StockReserved(order_id=broken), c.StockReserved(order_id=fine))
        assert SagaEvent.objects.count() == 2
        assert orchestrator.drain(SECONDS)
        assert Saga.objects.get(order_id=fine).step == "commit-stock"
        assert SagaEvent.objects.get().order_id == broken


def test_what_could_not_be_written_once_may_be_tried_again() -> None:
    """Red where an id stays among those that are written down: its saga would need a worker for ever."""
    order_id = uuid4()
    with unwritable("step = ''"):
        take(submitted(order_id))
    assert handlers._unwritable == set()


def test_one_that_cannot_be_begun_loses_nothing() -> None:
    broken, fine = uuid4(), uuid4()
    with unwritable(f"step = '' OR order_id <> '{broken}'"):
        take(submitted(broken), submitted(fine))
        assert SagaEvent.objects.count() == 2
        assert orchestrator.drain(SECONDS)
    assert {saga.order_id: saga.step for saga in Saga.objects.all()} == {broken: "", fine: "reserve-stock"}


def test_what_a_later_release_moved_is_left_to_it() -> None:
    order_id = uuid4()
    take(submitted(order_id))
    Saga.objects.update(version=PLACEMENT.version + 1)
    take(c.StockReserved(order_id=order_id))
    assert sent(order_id) == [RESERVE]
    assert SagaEvent.objects.exists()


def test_a_second_submission_changes_nothing() -> None:
    """Replayed by hand, with an id that the inbox has forgotten. Red without ON CONFLICT, or where it is begun anew."""
    order_id, new = uuid4(), uuid4()
    take(submitted(order_id))
    before = Saga.objects.values("steps", "step", "deadline").get()
    take(submitted(order_id), submitted(new))
    assert Saga.objects.get(order_id=new).step == "reserve-stock", (
        "its neighbour did not have to wait for a worker"
    )
    orchestrator.drain(SECONDS)
    assert Saga.objects.values("steps", "step", "deadline").get(order_id=order_id) == before
    assert [row.key for row in OutboxMessage.objects.order_by("id")] == [str(order_id), str(new)]


def test_an_event_without_a_saga_is_refused() -> None:
    """The consumer tries it again for a while, then it is a dead letter."""
    with pytest.raises(waiting_events.UnknownSaga):
        take(c.StockReserved(order_id=uuid4()))
    assert not SagaEvent.objects.exists()


def test_a_passed_deadline_is_seen_with_the_event(django_assert_num_queries: Callable[[int], object]) -> None:
    """Red without `engine.wake` after the events: the sweep alone would ask again."""
    order_id = uuid4()
    take(submitted(order_id))
    Saga.objects.update(deadline=timezone.now() - timedelta(seconds=1))
    take(c.StockCommitted(order_id=order_id))  # not waited for yet
    assert sent(order_id) == [RESERVE, RESERVE]


@pytest.mark.parametrize("count", [1, 50])
def test_what_a_batch_costs(count: int) -> None:
    """BEGIN, ids, sagas with their commands, COMMIT, the relay's wake-up; and a look for sagas that are there."""
    orders = [uuid4() for _ in range(count)]
    with CaptureQueriesContext(connection) as captured:
        take(*(submitted(order_id) for order_id in orders))
    assert len(captured) == 5
    with CaptureQueriesContext(connection) as captured:
        take(*(c.StockReserved(order_id=order_id) for order_id in orders))
    assert len(captured) == 6
