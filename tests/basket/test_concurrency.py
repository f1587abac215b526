"""One customer in many tabs: no change is lost, no half of a change is seen."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

from apps.basket import operations, queries
from apps.basket.errors import BasketChanged
from shared.testing.tokens import ALICE
from tests.basket.shop import CUP, HAT, PEN, offer, ordered, take_out

pytestmark = pytest.mark.usefixtures("catalogue")

TABS = 8


def at_once(*jobs: Callable[[], Any]) -> list[Any]:
    """Run `jobs` in threads and return what they return."""
    with ThreadPoolExecutor(TABS) as pool:
        return [future.result() for future in [pool.submit(job) for job in jobs]]


def test_lines_set_at_once_are_all_there() -> None:
    products = [f"{number:024x}" for number in range(1000, 1080)]
    for product in products:
        offer(product, "Thing", "1.00")

    baskets = at_once(*(partial(operations.set_line, ALICE, product, 2) for product in products))

    assert {line.product_id for line in queries.basket_of(ALICE).items} == set(products)
    assert len({basket.version for basket in baskets}) == len(products)


def test_of_changes_that_name_one_version_one_wins() -> None:
    for _ in range(20):
        tag = operations.replace(ALICE, [(PEN, 1)]).tag

        outcomes = at_once(*(partial(attempt, number, tag) for number in range(2, 2 + TABS)))

        won = [number for number in outcomes if number is not None]
        assert len(won) == 1
        assert queries.basket_of(ALICE).items[0].quantity == won[0]


def attempt(quantity: int, tag: str) -> int | None:
    """Set the pen's quantity if the basket is still the one with `tag`; None where it is not."""
    try:
        operations.set_line(ALICE, PEN, quantity, tag)
    except BasketChanged:
        return None
    return quantity


def test_shopping_goes_on_while_orders_leave_the_basket() -> None:
    operations.replace(ALICE, [(PEN, 500), (HAT, 1)])

    at_once(
        *(lambda: take_out(ordered((PEN, 3))) for _ in range(50)),
        *(partial(operations.set_line, ALICE, CUP, number) for number in range(1, 51)),
    )

    basket = queries.basket_of(ALICE)
    assert [(line.product_id, line.quantity) for line in basket.items if line.product_id != CUP] == [
        (PEN, 350),
        (HAT, 1),
    ]
    assert len(basket.items) == 3


def test_a_reader_never_sees_half_of_a_replacement() -> None:
    ones, twos = [(PEN, 1), (CUP, 1), (HAT, 1)], [(PEN, 2), (CUP, 2), (HAT, 2)]
    operations.replace(ALICE, ones)

    seen = at_once(
        *(partial(operations.replace, ALICE, whole) for whole in [ones, twos] * 50),
        *[partial(queries.basket_of, ALICE)] * 100,
    )

    assert {len({line.quantity for line in basket.items}) for basket in seen} == {1}
    assert {line.quantity for basket in seen for line in basket.items} == {1, 2}
