"""Every command on a reservation in every state, once and again: given, when, expect."""

from collections.abc import Callable
from datetime import timedelta
from itertools import product as cartesian

import pytest
from django.utils import timezone
from pytest_django import Settings

from apps.stock.models import Movement, Reservation
from apps.stock.operations import expire
from apps.stock.queries import violations
from shared.contracts import (
    CommitStock,
    Message,
    ReleaseStock,
    ReserveStock,
    Shortage,
    StockCommitted,
    StockLevelChanged,
    StockRejected,
    StockReleased,
    StockReserved,
)
from shared.contracts.stock import StockCommand
from shared.messaging.models import OutboxMessage
from tests.stock.builders import command, deliver, level, order, product, put, replies, said_since, state

pytestmark = pytest.mark.django_db

ORDER = order()
HAVE, WANT = 10, 4
TOO_MUCH = 11

Given = Callable[[], None]
Levels = tuple[int, int]
Pair = tuple[type[StockCommand], type[StockCommand]]


def nothing() -> None:
    """No command came yet."""


def held() -> None:
    """It is reserved."""
    deliver([command(ReserveStock, ORDER, a=WANT)])


def committed() -> None:
    """It is sold."""
    held()
    deliver([command(CommitStock, ORDER, a=WANT)])


def released() -> None:
    """It was reserved and given back."""
    held()
    deliver([command(ReleaseStock, ORDER, a=WANT)])


def restocked() -> None:
    """It was sold and came back."""
    committed()
    deliver([command(ReleaseStock, ORDER, a=WANT)])


def tombstone() -> None:
    """It was released before it was reserved."""
    deliver([command(ReleaseStock, ORDER, a=WANT)])


def expired() -> None:
    """Nobody came for it."""
    held()
    Reservation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert expire() == 1


def rejected() -> None:
    """There was too little."""
    deliver([command(ReserveStock, ORDER, a=TOO_MUCH)])


RESERVED = StockReserved(order_id=ORDER)
COMMITTED = StockCommitted(order_id=ORDER)
RELEASED = StockReleased(order_id=ORDER, reason="released")
RESTOCKED = StockReleased(order_id=ORDER, reason="restocked")
EXPIRED = StockReleased(order_id=ORDER, reason="expired")
SHORT = StockRejected(
    order_id=ORDER, shortages=(Shortage(product_id=product("a"), requested=TOO_MUCH, available=HAVE),)
)

FULL, HOLDING, SOLD = (HAVE, 0), (HAVE, WANT), (HAVE - WANT, 0)


def refused(reason: str) -> StockRejected:
    """Nothing is done, because of `reason`."""
    return StockRejected(order_id=ORDER, reason=reason)


# given, command, answer, state afterwards, (on hand, reserved) afterwards
TABLE = [
    (nothing, ReserveStock, RESERVED, "held", HOLDING),
    (nothing, CommitStock, refused("unknown"), None, FULL),
    (nothing, ReleaseStock, RELEASED, "released", FULL),
    (held, ReserveStock, RESERVED, "held", HOLDING),
    (held, CommitStock, COMMITTED, "committed", SOLD),
    (held, ReleaseStock, RELEASED, "released", FULL),
    (committed, ReserveStock, RESERVED, "committed", SOLD),
    (committed, CommitStock, COMMITTED, "committed", SOLD),
    (committed, ReleaseStock, RESTOCKED, "released", FULL),
    (released, ReserveStock, refused("released"), "released", FULL),
    (released, CommitStock, refused("released"), "released", FULL),
    (released, ReleaseStock, RELEASED, "released", FULL),
    (restocked, ReserveStock, refused("released"), "released", FULL),
    (restocked, CommitStock, refused("released"), "released", FULL),
    (restocked, ReleaseStock, RESTOCKED, "released", FULL),
    (tombstone, ReserveStock, refused("released"), "released", FULL),
    (tombstone, CommitStock, refused("released"), "released", FULL),
    (tombstone, ReleaseStock, RELEASED, "released", FULL),
    (expired, ReserveStock, refused("expired"), "expired", FULL),
    (expired, CommitStock, refused("expired"), "expired", FULL),
    (expired, ReleaseStock, EXPIRED, "expired", FULL),
    (rejected, ReserveStock, SHORT, "rejected", FULL),
    (rejected, CommitStock, refused("rejected"), "rejected", FULL),
    (rejected, ReleaseStock, RELEASED, "rejected", FULL),
]
CASES = [pytest.param(*row, id=f"{row[0].__name__}-{row[1].__name__}") for row in TABLE]


@pytest.mark.parametrize(("given", "kind", "answer", "after", "levels"), CASES)
@pytest.mark.parametrize("together", [False, True], ids=["one by one", "in one batch"])
def test_every_command_in_every_state_three_times(
    given: Given,
    kind: type[StockCommand],
    answer: Message,
    after: str | None,
    levels: Levels,
    *,
    together: bool,
) -> None:
    put(a=HAVE)
    given()
    thrice = [command(kind, ORDER, a=WANT) for _ in range(3)]

    said = replies(thrice) if together else [reply for each in thrice for reply in replies([each])]

    assert said == [answer] * 3
    assert state(ORDER) == after
    assert level("a") == levels
    assert violations() == []


@pytest.mark.parametrize(("given", "kind", "answer", "after", "levels"), CASES)
def test_the_same_message_three_times_is_answered_once(
    given: Given, kind: type[StockCommand], answer: Message, after: str | None, levels: Levels
) -> None:
    put(a=HAVE)
    given()
    message = command(kind, ORDER, a=WANT)

    said = replies([message, message]) + replies([message])

    assert said == [answer]
    assert (state(ORDER), level("a")) == (after, levels)


# first command, second command -> state, levels, whatever the batches
PAIRS: dict[Pair, tuple[str | None, Levels]] = {
    (ReserveStock, ReserveStock): ("held", HOLDING),
    (ReserveStock, CommitStock): ("committed", SOLD),
    (ReserveStock, ReleaseStock): ("released", FULL),
    (CommitStock, ReserveStock): ("held", HOLDING),
    (CommitStock, CommitStock): (None, FULL),
    (CommitStock, ReleaseStock): ("released", FULL),
    (ReleaseStock, ReserveStock): ("released", FULL),
    (ReleaseStock, CommitStock): ("released", FULL),
    (ReleaseStock, ReleaseStock): ("released", FULL),
}


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: "-".join(kind.__name__ for kind in pair))
@pytest.mark.parametrize(("times", "together"), list(cartesian([1, 3], [False, True])))
def test_every_order_of_two_commands(pair: Pair, times: int, *, together: bool) -> None:
    put(a=HAVE)
    messages = [command(kind, ORDER, a=WANT) for kind in pair for _ in range(times)]

    for batch in [messages] if together else [[message] for message in messages]:
        deliver(batch)

    assert (state(ORDER), level("a")) == PAIRS[pair]
    assert violations() == []


def test_all_or_nothing() -> None:
    put(a=5, b=1)

    said = replies([command(ReserveStock, ORDER, a=2, b=2)])

    short = Shortage(product_id=product("b"), requested=2, available=1)
    assert said == [StockRejected(order_id=ORDER, shortages=(short,))]
    assert (level("a"), level("b")) == ((5, 0), (1, 0))


def test_a_product_that_nobody_knows_is_a_shortage() -> None:
    put(a=5)

    said = replies([command(ReserveStock, ORDER, a=2, z=3)])

    short = Shortage(product_id=product("z"), requested=3, available=0)
    assert said == [StockRejected(order_id=ORDER, shortages=(short,))]
    assert level("a") == (5, 0)


def test_a_product_that_stands_there_twice_counts_together() -> None:
    put(a=5)
    twice = command(ReserveStock, ORDER, a=3)
    items = twice.message.items * 2
    message = command(ReserveStock, ORDER, a=3)
    object.__setattr__(message, "message", message.message.model_copy(update={"items": items}))

    said = replies([message])

    short = Shortage(product_id=product("a"), requested=6, available=5)
    assert said == [StockRejected(order_id=ORDER, shortages=(short,))]


def test_orders_of_one_batch_see_what_those_before_them_took() -> None:
    put(a=5)

    said = replies([command(ReserveStock, order(n), a=2) for n in range(3)])

    short = Shortage(product_id=product("a"), requested=2, available=1)
    assert said == [
        StockReserved(order_id=order(0)),
        StockReserved(order_id=order(1)),
        StockRejected(order_id=order(2), shortages=(short,)),
    ]
    assert level("a") == (5, 4)


def test_a_rejection_stands_when_there_is_enough_later() -> None:
    put(a=HAVE)
    rejected()
    put(a=1000)

    assert replies([command(ReserveStock, ORDER, a=TOO_MUCH)]) == [SHORT]
    assert level("a") == (1000, 0)


@pytest.mark.parametrize(("kind", "levels"), [(CommitStock, SOLD), (ReleaseStock, FULL)])
def test_the_reservation_knows_better_than_the_command(kind: type[StockCommand], levels: Levels) -> None:
    put(a=HAVE, b=HAVE)
    held()

    deliver([command(kind, ORDER, b=9)])

    assert (level("a"), level("b")) == (levels, FULL)


def test_a_sale_and_a_restock_are_in_the_ledger_with_their_order() -> None:
    put(a=HAVE)
    restocked()

    ledger = Movement.objects.filter(order_id=ORDER).order_by("id").values_list("kind", "delta", "on_hand")
    assert list(ledger) == [("sale", -WANT, HAVE - WANT), ("restock", WANT, HAVE)]


def test_each_level_is_told_once_a_batch_and_its_version_rises() -> None:
    put(a=HAVE, b=HAVE)

    said = deliver([command(ReserveStock, order(n), a=1, b=2) for n in range(3)])
    said += deliver([command(CommitStock, order(0)), command(ReleaseStock, order(1))])

    told = [message for message in said if isinstance(message, StockLevelChanged)]
    a = [message for message in told if message.product_id == product("a")]
    assert [(m.on_hand, m.reserved, m.available) for m in a] == [(10, 3, 7), (9, 1, 8)]
    assert len(told) == 4
    assert a[0].version + 1 == a[1].version


def test_what_changes_nothing_tells_no_level() -> None:
    put(a=HAVE)
    committed()

    said = deliver(
        [command(ReserveStock, ORDER), command(CommitStock, ORDER), command(CommitStock, order(2))]
    )

    assert not [message for message in said if isinstance(message, StockLevelChanged)]


def test_each_answer_names_the_command_that_caused_it() -> None:
    put(a=HAVE)
    first, second = command(ReserveStock, order(1)), command(ReserveStock, order(2))

    deliver([first, second])

    rows = OutboxMessage.objects.filter(headers__ce_type="stock.reserved.v1").order_by("id")
    assert [row.headers["ce_causationid"] for row in rows] == [first.id, second.id]
    for row, cause in zip(rows, (first, second), strict=True):
        assert row.headers["traceparent"][:35] == str(cause.traceparent)[:35]


def test_only_what_is_late_expires() -> None:
    put(a=HAVE)
    deliver([command(ReserveStock, order(n), a=2) for n in range(3)])
    Reservation.objects.filter(pk=order(1)).update(expires_at=timezone.now() - timedelta(seconds=1))
    before = OutboxMessage.objects.latest("id").pk
    assert expire() == 1
    assert expire() == 0

    assert [state(order(n)) for n in range(3)] == ["held", "expired", "held"]
    assert level("a") == (HAVE, 4)
    assert said_since(before)[0] == StockReleased(order_id=order(1), reason="expired")
    assert violations() == []


def test_more_expire_at_once_than_fit_one_transaction(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.stock.operations.SWEEP", 3)
    put(a=HAVE)
    deliver([command(ReserveStock, order(n)) for n in range(7)])
    Reservation.objects.update(expires_at=timezone.now())

    assert expire() == 7
    assert level("a") == FULL


def test_a_reservation_lasts_as_long_as_the_settings_say(settings: Settings) -> None:
    settings.RESERVATION_SECONDS = 1234
    put(a=HAVE)
    before = timezone.now()
    held()

    expires_at = Reservation.objects.get(pk=ORDER).expires_at
    assert expires_at
    assert 1234 <= (expires_at - before).total_seconds() < 1334
