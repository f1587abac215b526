"""What the database itself refuses, whoever asks."""

import pytest
from django.db import DatabaseError, connection, transaction

from apps.stock.models import Movement, Reservation, State, WrongTransition
from apps.stock.queries import INVARIANTS, violations
from shared.contracts import CommitStock, ReserveStock
from tests.stock.builders import command, deliver, order, product, put

pytestmark = pytest.mark.django_db

SELL_AGAIN = """
    INSERT INTO stock_movement (product_id, kind, delta, on_hand, reason, actor, created_at, order_id)
    SELECT product_id, kind, delta, on_hand, reason, actor, created_at, order_id
    FROM stock_movement WHERE order_id IS NOT NULL
"""
MOVE_NOTHING = """
    INSERT INTO stock_movement (product_id, kind, delta, on_hand, reason, actor, created_at)
    SELECT product_id, 'set', 0, 0, '', '', now() FROM stock_stockitem
"""
REFUSED = [
    "UPDATE stock_movement SET delta = 5",
    "DELETE FROM stock_movement",
    "UPDATE stock_stockitem SET on_hand = -1",
    "UPDATE stock_stockitem SET reserved = -1",
    "UPDATE stock_stockitem SET reserved = on_hand + 1",
    "UPDATE stock_reservation SET state = 'sold'",
    "UPDATE stock_reservation SET state = 'held', expires_at = NULL",
    SELL_AGAIN,
    MOVE_NOTHING,
    "DELETE FROM stock_stockitem; SET CONSTRAINTS ALL IMMEDIATE",
]


@pytest.mark.parametrize("statement", REFUSED)
def test_the_database_refuses(statement: str) -> None:
    put(a=10)
    deliver([command(ReserveStock, order()), command(CommitStock, order())])

    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def test_a_movement_cannot_be_saved_again() -> None:
    put(a=10)
    movement = Movement.objects.get()
    movement.delta = 99

    with pytest.raises(DatabaseError, match="write another one"), transaction.atomic():
        movement.save()
    with pytest.raises(DatabaseError, match="write another one"), transaction.atomic():
        movement.delete()


@pytest.mark.parametrize("end", [State.COMMITTED, State.RELEASED, State.EXPIRED, State.REJECTED])
def test_a_reservation_that_has_ended_is_not_held_again(end: State) -> None:
    with pytest.raises(WrongTransition):
        Reservation(order_id=order(), state=end).move_to(State.HELD)


BREAK = {
    "each movement goes on from the one before": "SET CONSTRAINTS ALL IMMEDIATE;"
    " ALTER TABLE stock_movement DISABLE TRIGGER USER; UPDATE stock_movement SET on_hand = on_hand + 1 WHERE kind = 'sale'",
    "the ledger sums to on_hand": "UPDATE stock_stockitem SET on_hand = on_hand + 1",
    "reserved is what reservations hold": "UPDATE stock_stockitem SET reserved = reserved + 1",
    "nothing is negative": "ALTER TABLE stock_stockitem DROP CONSTRAINT stock_reserved_is_on_hand;"
    " UPDATE stock_stockitem SET reserved = 99",
    "what is sold was committed, once": "UPDATE stock_reservation SET state = 'expired'"
    " WHERE state = 'committed'",
}


@pytest.mark.parametrize("invariant", INVARIANTS)
def test_a_broken_invariant_is_found(invariant: str) -> None:
    put(a=10)
    deliver([command(ReserveStock, order(n)) for n in range(2)])
    deliver([command(CommitStock, order(0))])
    assert violations() == []

    with connection.cursor() as cursor:
        cursor.execute(BREAK[invariant])

    found = {violation["invariant"]: violation for violation in violations()}
    assert found[invariant]["count"] == 1
    assert product("a") in str(found[invariant]["rows"])


def test_a_hold_on_a_product_without_an_item_is_found() -> None:
    put(a=10)
    deliver([command(ReserveStock, order())])
    Reservation.objects.update(lines={product("z"): 3})

    assert violations()[0]["count"] == 2
