"""Many buyers, few pieces: nothing is sold twice and nothing that is there is withheld (promises RC-1 to RC-4)."""

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from tests.system.conftest import Crowd, Sizes
from tests.system.shop import Shop
from tests.system.shopper import Line, Product, Shopper
from tests.system.waiting import HEAL

BUYERS = 50  # at once


def test_many_buyers_for_few_pieces(shop: Shop, crowd: Crowd, sizes: Sizes) -> None:
    """RC-1: as many orders are confirmed as there are pieces. Red at one too many, or one too few."""
    piece = shop.product(stock=sizes.pieces)
    buyers = crowd(min(sizes.buyers, BUYERS))
    queue = [(buyers[turn % len(buyers)], [(piece, 1)]) for turn in range(sizes.buyers)]
    outcomes = _order_at_once(queue)
    assert Counter(outcomes) == {"confirmed": sizes.pieces, "rejected": sizes.buyers - sizes.pieces}
    shop.stock_becomes(piece, 0)


def test_two_buyers_for_the_last_unit(shop: Shop, shopper: Shopper, other: Shopper, sizes: Sizes) -> None:
    """RC-2: two shoppers never get the same last piece, and one always does. Red at none: with `<=` in `LockedLevels.shortages`.

    Two winners are refused by the check constraints as well; what the locks are for is seen in `tests/stock/test_races.py`.
    """
    piece = shop.product(stock=1)
    for turn in range(sizes.last_units):
        shop.put_in_stock(piece, 1)
        outcomes = _order_at_once([(shopper, [(piece, 1)]), (other, [(piece, 1)])])
        assert Counter(outcomes) == {"confirmed": 1, "rejected": 1}, f"round {turn}"
        shop.stock_becomes(piece, 0)


def test_the_same_products_in_opposite_orders(
    shop: Shop, shopper: Shopper, other: Shopper, sizes: Sizes
) -> None:
    """RC-3: orders that name the same products from both ends take all of their lines or none.

    Red when two of them wait for each other, or when a product is left over that another one lacks.
    """
    pieces = shop.products(6, stock=sizes.contested_orders)
    forwards = [(piece, 1) for piece in pieces]
    queue = [(shopper, forwards), (other, forwards[::-1])] * sizes.contested_orders
    outcomes = _order_at_once(queue)
    assert Counter(outcomes) == {"confirmed": sizes.contested_orders, "rejected": sizes.contested_orders}
    _nothing_left(shop, pieces)


def test_enough_for_everybody(shop: Shop, shopper: Shopper, other: Shopper, sizes: Sizes) -> None:
    """RC-4: where there is enough nobody is sent away. Red at one false rejection."""
    pieces = shop.products(3, stock=2 * sizes.contested_orders)
    lines = [(piece, 1) for piece in pieces]
    outcomes = _order_at_once([(shopper, lines), (other, lines[::-1])] * sizes.contested_orders)
    assert set(outcomes) == {"confirmed"}
    _nothing_left(shop, pieces)


def _order_at_once(queue: Sequence[tuple[Shopper, Sequence[Line]]]) -> list[str]:
    """What becomes of orders that are placed as much at once as may be."""
    with ThreadPoolExecutor(BUYERS) as pool:
        placed = list(pool.map(lambda one: one[0].place(*one[1]), queue))
    return [
        shopper.outcome(order_id, HEAL)["status"]
        for (shopper, _), order_id in zip(queue, placed, strict=True)
    ]


def _nothing_left(shop: Shop, pieces: Sequence[Product]) -> None:
    for piece in pieces:
        shop.stock_becomes(piece, 0)
