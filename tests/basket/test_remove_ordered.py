"""What was ordered leaves the basket once; what was added since stays."""

import math
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from apps.basket import operations, queries
from apps.basket.handlers import HANDLERS
from apps.basket.inbox import RedisInbox
from apps.basket.operations import DAYS_REMEMBERED
from apps.basket.repository import key_of
from shared.messaging.dispatch import dispatch
from shared.testing.messages import received
from shared.testing.tokens import ALICE, BOB
from tests.basket.shop import CUP, HAT, PEN, archive, offer, ordered, take_out
from tests.retention import oldest_message

pytestmark = pytest.mark.usefixtures("catalogue")


def basket_of(customer: str = ALICE) -> list[tuple[str, int]]:
    return [(line.product_id, line.quantity) for line in queries.basket_of(customer).items]


def test_everything_that_was_ordered_leaves() -> None:
    operations.replace(ALICE, [(PEN, 2), (CUP, 1)])

    assert take_out(ordered((PEN, 2), (CUP, 1))) == 1

    assert basket_of() == []


def test_what_was_added_since_stays() -> None:
    operations.replace(ALICE, [(PEN, 2), (CUP, 1)])
    operations.set_line(ALICE, PEN, 5)
    operations.set_line(ALICE, HAT, 1)

    take_out(ordered((PEN, 2), (CUP, 1)))

    assert basket_of() == [(PEN, 3), (HAT, 1)]


def test_what_was_taken_out_since_is_not_owed(redis: Any) -> None:
    operations.replace(ALICE, [(PEN, 1), (HAT, 1)])

    assert take_out(ordered((PEN, 5), (CUP, 1))) == 1
    assert redis.get(key_of(ALICE)).split()[1:] == [f"{HAT}:1".encode()]
    operations.set_line(ALICE, PEN, 1)

    assert basket_of() == [(HAT, 1), (PEN, 1)]


def test_a_basket_that_is_gone_is_no_error() -> None:
    assert take_out(ordered((PEN, 1))) == 1
    assert basket_of() == []


def test_the_same_message_three_times_takes_out_once() -> None:
    operations.replace(ALICE, [(PEN, 10)])
    message = received(ordered((PEN, 2)))

    counts = [operations.remove_ordered([message]) for _ in range(3)]
    again_in_one_batch = operations.remove_ordered([message, message, message])

    assert (counts, again_in_one_batch) == ([1, 0, 0], 0)
    assert basket_of() == [(PEN, 8)]


def test_a_saga_that_asks_again_with_a_new_message_takes_out_once() -> None:
    operations.replace(ALICE, [(PEN, 10)])
    order = uuid4()

    take_out(ordered((PEN, 2), order=order), ordered((PEN, 2), order=order))
    take_out(ordered((PEN, 2), order=order))

    assert basket_of() == [(PEN, 8)]


def test_two_orders_take_out_twice() -> None:
    operations.replace(ALICE, [(PEN, 10)])

    assert take_out(ordered((PEN, 2)), ordered((PEN, 2))) == 2

    assert basket_of() == [(PEN, 6)]


def test_a_batch_is_everybodys() -> None:
    for customer in (ALICE, BOB):
        operations.replace(customer, [(PEN, 3), (CUP, 1)])

    take_out(ordered((PEN, 1)), ordered((PEN, 3), customer=BOB), ordered((CUP, 1)))

    assert (basket_of(ALICE), basket_of(BOB)) == ([(PEN, 2)], [(CUP, 1)])


def test_a_line_that_is_not_sold_any_more_leaves_too() -> None:
    operations.replace(ALICE, [(PEN, 2), (HAT, 1)])
    archive(PEN)

    take_out(ordered((PEN, 2)))
    offer(PEN, "Pen", "1.20", version=3)

    assert basket_of() == [(HAT, 1)]


def test_the_table_of_handlers_takes_out(redis: Any) -> None:
    operations.replace(ALICE, [(PEN, 2)])

    assert RedisInbox().handle([received(ordered((PEN, 1)))], lambda batch: dispatch(batch, HANDLERS)) == 1

    assert basket_of() == [(PEN, 1)]


def test_an_order_is_remembered_for_longer_than_kafka_keeps_its_command(redis: Any) -> None:
    operations.replace(ALICE, [(PEN, 10)])
    order = uuid4()
    take_out(ordered((PEN, 2), order=order))
    (today,) = [int(key.split(b":")[1]) for key in redis.keys("inbox:*")]

    left = redis.ttl(f"inbox:{today}")
    oldest = math.ceil(oldest_message() / timedelta(days=1))  # it may have come early in the day
    redis.rename(f"inbox:{today}", f"inbox:{today - oldest}")
    take_out(ordered((PEN, 2), order=order))

    assert left > oldest_message().total_seconds()
    assert basket_of() == [(PEN, 8)]
    redis.rename(f"inbox:{today - oldest}", f"inbox:{today - DAYS_REMEMBERED - 1}")
    assert take_out(ordered((PEN, 2), order=order)) == 1


def test_a_basket_is_kept_for_half_a_year(redis: Any) -> None:
    operations.set_line(ALICE, PEN, 1)

    assert redis.ttl(f"basket:{ALICE}") > 179 * 86400
