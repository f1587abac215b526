"""The saga's table, told as given / expect: no database, no clock, no broker."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from apps.saga import engine
from apps.saga.models import STUCK, Saga
from apps.saga.placement import PLACEMENT, UNTIL_DONE
from shared import contracts as c

ORDER = UUID("0193a000-0000-7000-8000-000000000001")
PRODUCT = "a" * 24
START = datetime(2026, 11, 22, tzinfo=UTC)
WAIT = "wait"  # not an event: the deadline passes


def order_event(kind: type[c.OrderEvent], reason: str | None = None) -> c.OrderEvent:
    return kind(
        order_id=ORDER, customer_id="alice", items=(), total=Decimal(1), currency="EUR", reason=reason
    )


EVENTS: dict[str, c.Message] = {
    "reserved": c.StockReserved(order_id=ORDER),
    "short": c.StockRejected(
        order_id=ORDER, shortages=(c.Shortage(product_id=PRODUCT, requested=2, available=1),)
    ),
    "committed": c.StockCommitted(order_id=ORDER),
    "released": c.StockReleased(order_id=ORDER, reason="released"),
    "expired": c.StockReleased(order_id=ORDER, reason="expired"),
    "confirmed": order_event(c.OrderConfirmed),
    "rejected": order_event(c.OrderRejected),
    "cancelled": order_event(c.OrderCancelled),
    "cancel": order_event(c.OrderCancellationRequested, "changed my mind"),
}
COMMANDS = {
    c.ReserveStock: "reserve",
    c.CommitStock: "commit",
    c.ReleaseStock: "release",
    c.ConfirmOrder: "confirm",
    c.RejectOrder: "reject",
    c.CancelOrder: "cancel",
    c.RemoveBasketItems: "empty-basket",
}


@dataclass
class Story:
    """A saga and the clock that it lives by."""

    saga: Saga
    now: datetime

    def tell(self, what: str) -> list[str]:
        if what == WAIT:
            self.now = self.saga.deadline or self.now + timedelta(days=1)
            sent = engine.wake(self.saga, PLACEMENT, self.now)
        else:
            sent = engine.apply(self.saga, PLACEMENT, EVENTS[what], self.now)
        return [COMMANDS[type(command)] for command in sent]


@pytest.fixture
def story() -> Story:
    saga = Saga(
        kind=PLACEMENT.kind,
        order_id=ORDER,
        customer_id="alice",
        items=[{"product_id": PRODUCT, "quantity": 2, "name": "Tea"}],
    )
    assert [type(command) for command in engine.start(saga, PLACEMENT, START)] == [c.ReserveStock]
    return Story(saga, START)


TOLD = [
    # what happens, one word each                                what is sent for each                          how it ends
    ("reserved committed confirmed", ["commit", "confirm", "empty-basket"], "completed"),
    ("short rejected", ["reject", ""], "compensated"),
    ("reserved expired released rejected", ["commit", "release", "reject", ""], "compensated"),
    ("reserved short released rejected", ["commit", "release", "reject", ""], "compensated"),
    # every message twice
    (
        "reserved reserved committed committed confirmed confirmed",
        ["commit", "", "confirm", "", "empty-basket", ""],
        "completed",
    ),
    ("short short rejected rejected", ["reject", "", "", ""], "compensated"),
    # cancelled at each moment
    ("cancel released cancelled", ["release", "cancel", ""], "compensated"),
    ("cancel reserved released cancelled", ["release", "", "cancel", ""], "compensated"),
    ("reserved cancel released cancelled", ["commit", "release", "cancel", ""], "compensated"),
    ("reserved cancel committed released cancelled", ["commit", "release", "", "cancel", ""], "compensated"),
    (
        "reserved committed cancel released cancelled",
        ["commit", "confirm", "release", "cancel", ""],
        "compensated",
    ),
    (
        "reserved committed confirmed cancel released cancelled",
        ["commit", "confirm", "empty-basket", "release", "cancel", ""],
        "compensated",
    ),
    (
        "reserved committed cancel cancel released cancelled cancel",
        ["commit", "confirm", "release", "", "cancel", "", ""],
        "compensated",
    ),
    ("short cancel rejected", ["reject", "", ""], "compensated"),
    # cancelled while it goes back for another reason: the order is cancelled, not rejected
    ("reserved expired cancel released cancelled", ["commit", "release", "", "cancel", ""], "compensated"),
    # no answer: asked again, then undone, since what was asked may have been done
    ("wait wait wait released rejected", ["reserve", "reserve", "release", "reject", ""], "compensated"),
    ("reserved wait committed confirmed", ["commit", "commit", "confirm", "empty-basket"], "completed"),
    (
        "reserved wait wait wait released rejected",
        ["commit", "commit", "commit", "release", "reject", ""],
        "compensated",
    ),
    # an answer that comes too late is undone again
    (
        "wait wait wait released reserved rejected",
        ["reserve", "reserve", "release", "reject", "release", ""],
        "compensated",
    ),
    ("cancel released cancelled reserved released", ["release", "cancel", "", "release", ""], "compensated"),
    ("cancel released cancelled committed", ["release", "cancel", "", "release"], "compensated"),
    # impossible or reordered answers move nothing
    (
        "committed confirmed rejected reserved committed confirmed",
        ["", "", "", "commit", "confirm", "empty-basket"],
        "completed",
    ),
    (
        "reserved committed confirmed released expired short",
        ["commit", "confirm", "empty-basket", "", "", ""],
        "completed",
    ),
]


@pytest.mark.parametrize(("happens", "sends", "ends"), TOLD, ids=[told[0].replace(" ", "-") for told in TOLD])
def test_the_table(story: Story, happens: str, sends: list[str], ends: str) -> None:
    """Red when a row of PLACEMENT is changed, or a branch of the engine."""
    sent = [" ".join(story.tell(what)) for what in happens.split()]
    assert sent == sends
    assert story.saga.shown_status == ends
    assert story.saga.deadline is None


def test_after_the_pivot_a_step_is_repeated_and_never_undone(story: Story) -> None:
    """The stock is sold: the order is confirmed however long it takes, and silence is admitted, not hidden."""
    for what in ("reserved", "committed"):
        story.tell(what)
    sent = [story.tell(WAIT) for _ in range(UNTIL_DONE.retries)]
    assert sent == [["confirm"]] * UNTIL_DONE.retries
    assert story.tell(WAIT) == []
    assert story.saga.shown_status == STUCK


def test_a_stuck_saga_goes_on_with_the_answer(story: Story) -> None:
    """Stuck is not lost: the late answer takes it on, and so does a manager."""
    for what in ["reserved", "committed", *[WAIT] * (UNTIL_DONE.retries + 1)]:
        story.tell(what)
    assert [type(m) for m in engine.wake(story.saga, PLACEMENT, story.now, by_hand=True)] == [c.ConfirmOrder]
    assert story.saga.shown_status == "running"
    assert story.tell("confirmed") == ["empty-basket"]
    assert story.saga.shown_status == "completed"


def test_compensation_that_gets_no_answer_is_stuck_not_forgotten(story: Story) -> None:
    """Given up silently, stock would stay held for ever."""
    story.tell("cancel")
    for _ in range(UNTIL_DONE.retries + 1):
        story.tell(WAIT)
    assert story.saga.shown_status == STUCK
    assert story.tell("released") == ["cancel"]


def test_waiting_grows_and_is_bounded(story: Story) -> None:
    """Backoff: a store that is away is not hammered."""
    story.tell("cancel")
    waits = []
    for _ in range(8):
        waits.append((story.saga.deadline - story.now).total_seconds())  # type: ignore[operator]
        story.tell(WAIT)
    assert waits == sorted(waits)
    assert waits[0] == UNTIL_DONE.timeout
    assert waits[-1] == UNTIL_DONE.longest


def test_what_the_customer_reads(story: Story) -> None:
    """The history and the steps tell the story to people. Red without `with_names` in `engine._forward`."""
    for what in ("short", "rejected"):
        story.tell(what)
    assert [step["status"] for step in story.saga.steps] == [
        "compensated",
        "refused",
        "skipped",
        "skipped",
        "skipped",
    ]
    assert story.saga.reason == "Tea: 2 wanted, 1 available"
    assert PRODUCT not in f"{story.saga.steps} {story.saga.history}"
    assert [line["event"] for line in story.saga.history] == [
        "started",
        "stock.rejected.v1",
        "compensating",
        "order.rejected.v1",
        "compensated",
    ]


def test_what_is_not_sold_any_more_is_named_too(story: Story) -> None:
    ids = (PRODUCT, *(f"{n:024x}" for n in range(40)))
    story.saga.items = [{"product_id": each, "quantity": 2, "name": "Tea"} for each in ids]
    cut = f"no longer sold: {', '.join(ids)}"[:500]  # as the stock service says it, in the middle of an id
    event = c.StockRejected(order_id=ORDER, unavailable=ids, reason=cut)
    engine.apply(story.saga, PLACEMENT, event, story.now)
    assert story.saga.reason == f"no longer sold: {', '.join(['Tea'] * 41)}"


def test_a_saga_of_an_earlier_release_knows_no_names(story: Story) -> None:
    """It says what it said then: the order service, which knows the names, exchanges the ids."""
    del story.saga.items[0]["name"]
    story.tell("short")
    assert story.saga.reason == f"{PRODUCT}: 2 wanted, 1 available"


def test_a_long_reason_is_no_longer_than_a_command_may_say(story: Story) -> None:
    ids = [f"{n:024x}" for n in range(100)]
    story.saga.items = [{"product_id": each, "quantity": 2, "name": "Tea" * 60} for each in ids]
    shortages = tuple(c.Shortage(product_id=each, requested=2, available=1) for each in ids)
    (command,) = engine.apply(
        story.saga, PLACEMENT, c.StockRejected(order_id=ORDER, shortages=shortages), story.now
    )
    assert isinstance(command, c.RejectOrder)
    assert (len(command.reason or ""), (command.reason or "")[-1]) == (500, "…")


def test_the_table_listens_to_what_it_waits_for() -> None:
    """An event that a step waits for and no handler takes would leave every saga to its time-outs."""
    awaited = {
        kind for step in PLACEMENT.steps for ask in (step.forward, step.backward) if ask for kind in ask.done
    }
    assert awaited < set(PLACEMENT.events)
