"""Many at once, in transactions of their own (promises RC-1 to RC-4, RC-8)."""

import random
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest
from django.db import IntegrityError, transaction

from apps.stock.handlers import HANDLERS
from apps.stock.models import Reservation, StockItem
from apps.stock.operations import adjust, expire, set_on_hand
from apps.stock.queries import violations
from shared.contracts import CommitStock, Message, ProductUpdated, ReleaseStock, ReserveStock
from shared.messaging.dispatch import dispatch
from shared.messaging.envelope import Received
from tests.own_connection import own_connection
from tests.stock.builders import command, level, order, product, put, state, told

pytestmark = pytest.mark.django_db(transaction=True)

THREADS = 8
Batch = Sequence[Received[Any]]


def at_once(jobs: Iterable[Callable[[], object]]) -> None:
    """Run `jobs` on threads with connections of their own; the first failure of any surfaces here."""

    def run(job: Callable[[], object]) -> None:
        with own_connection():
            job()

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(run, jobs))


def obeying(batch: Batch) -> Callable[[], None]:
    """A job: one transaction, and no second try, so that a deadlock would surface."""

    def job() -> None:
        with transaction.atomic():
            dispatch(batch, HANDLERS)

    return job


def counted(ids: Iterable[UUID]) -> dict[str, int]:
    """How many orders are in each state."""
    states = Reservation.objects.filter(pk__in=list(ids)).values_list("state", flat=True)
    return {name: list(states).count(name) for name in set(states)}


@pytest.mark.parametrize("size", [1, 20])
def test_three_hundred_orders_for_sixty_units(size: int) -> None:
    put(a=60)
    ids = [order(n) for n in range(300)]
    commands = [command(ReserveStock, order_id) for order_id in ids]

    at_once(obeying(commands[start : start + size]) for start in range(0, len(commands), size))

    assert counted(ids) == {"held": 60, "rejected": 240}
    assert level("a") == (60, 60)
    assert violations() == []


def test_the_last_unit_has_one_winner_each_time() -> None:
    rounds = 40
    for number in range(rounds):
        put(a=1)
        pair = [order(2 * number), order(2 * number + 1)]
        together = threading.Barrier(2)

        def buy(order_id: UUID, together: threading.Barrier = together) -> None:
            together.wait()
            obeying([command(ReserveStock, order_id)])()

        at_once([lambda i=order_id: buy(i) for order_id in pair])  # type: ignore[misc]

        assert counted(pair) == {"held": 1, "rejected": 1}
        with transaction.atomic():
            dispatch([command(CommitStock, order_id) for order_id in pair], HANDLERS)
        assert level("a") == (0, 0)
    assert violations() == []


def test_what_is_told_of_products_does_not_deadlock_with_commands() -> None:
    """Red when a batch locks the products that it is told of before, or apart from, those of its commands."""
    names = list("abcdefghij")
    put(**dict.fromkeys(names, 1000))
    chance = random.Random(5)
    batches: list[Sequence[Received[Message]]] = []
    for number in range(160):
        lines = dict.fromkeys(chance.sample(names, 4), 1)
        news = [told(ProductUpdated, name, version=number + 2) for name in chance.sample(names, 3)]
        batches.append([*news, command(ReserveStock, order(number), **lines)])

    at_once(obeying(batch) for batch in batches)

    assert counted(order(number) for number in range(160)) == {"held": 160}
    assert violations() == []


@pytest.mark.parametrize("size", [1, 10])
def test_the_same_products_in_opposite_orders_do_not_deadlock(size: int) -> None:
    names = list("abcdefghij")
    put(**dict.fromkeys(names, 1000))
    chance = random.Random(3)
    commands = []
    for number in range(160):
        lines = dict.fromkeys(names if number % 2 else reversed(names), 1)
        commands.append(command(ReserveStock, order(number), **lines))
    batches = [commands[start : start + size] for start in range(0, len(commands), size)]
    for batch in batches:
        chance.shuffle(batch)

    at_once(obeying(batch) for batch in batches)

    enough = {"held": 160}  # no false rejection
    assert counted(order(number) for number in range(160)) == enough
    assert {level(name) for name in names} == {(1000, 160)}
    assert violations() == []


def test_reserving_selling_and_giving_back_in_one_batch_lock_in_one_order() -> None:
    names = list("abcdef")
    put(**dict.fromkeys(names, 10_000))
    held = [order(number) for number in range(120)]
    with transaction.atomic():
        dispatch([command(ReserveStock, held[n], **{names[n % 6]: 1}) for n in range(120)], HANDLERS)
    kinds = [CommitStock, ReserveStock, ReleaseStock]

    def mixed(start: int) -> Batch:
        chance = random.Random(start)
        ids = [*held[start : start + 12], *(order(1000 + start + n) for n in range(6))]
        batch = [command(chance.choice(kinds), order_id, **{chance.choice(names): 1}) for order_id in ids]
        chance.shuffle(batch)
        return batch

    at_once(obeying(mixed(start)) for start in range(0, 120, 12))

    assert violations() == []


def test_one_order_in_two_processes_at_once_is_decided_once() -> None:
    put(a=1000)
    for number in range(30):
        ways: list[Callable[[], object]] = [
            obeying([command(CommitStock, order(number))]),
            obeying([command(ReleaseStock, order(number))]),
            expire,
        ]
        with transaction.atomic():
            dispatch([command(ReserveStock, order(number))], HANDLERS)
        at_once(ways)
        assert state(order(number)) in {"committed", "released"}
    assert violations() == []


def test_expiry_and_commit_at_once_never_both_win() -> None:
    put(a=1000)
    for number in range(30):
        with transaction.atomic():
            dispatch([command(ReserveStock, order(number))], HANDLERS)
        Reservation.objects.filter(pk=order(number)).update(expires_at="2000-01-01T00:00:00Z")
        at_once([expire, obeying([command(CommitStock, order(number))]), expire])
        assert state(order(number)) in {"committed", "expired"}
    assert StockItem.objects.get(pk=product("a")).reserved == 0
    assert violations() == []


def test_a_manager_edits_stock_meanwhile_and_the_ledger_balances() -> None:
    put(a=500)

    def edit(number: int) -> None:
        if number % 3:
            adjust(product("a"), 1, "found one", "mia")
        else:
            set_on_hand(product("a"), 500 + number, "mia")

    jobs: list[Callable[[], object]] = []
    for number in range(60):
        jobs += [obeying([command(ReserveStock, order(number)), command(CommitStock, order(number))])]
        jobs += [lambda n=number: edit(n)]  # type: ignore[misc]
    at_once(jobs)

    assert violations() == []
    assert level("a")[1] == 0


def test_two_workers_may_meet_a_new_order_at_once() -> None:
    """A rebalance can give one order to two processes: whoever is second starts anew and sees the first."""
    put(a=1000)

    def try_twice(job: Callable[[], None]) -> None:
        try:
            job()
        except IntegrityError:
            job()

    for number in range(30):
        kinds = (ReserveStock, ReleaseStock, ReserveStock)
        jobs = [obeying([command(kind, order(number))]) for kind in kinds]
        at_once([lambda j=job: try_twice(j) for job in jobs])  # type: ignore[misc]
        assert state(order(number)) == "released"
    assert level("a") == (1000, 0)
    assert violations() == []
