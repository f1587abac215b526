"""Changing one's mind at every moment of an order (promise RC-7)."""

import random
import time
from concurrent.futures import ThreadPoolExecutor

from tests.system.conftest import Sizes
from tests.system.platform import Platform
from tests.system.shop import Shop
from tests.system.shopper import Product, Shopper


def test_before_it_is_confirmed(platform: Platform, shop: Shop, shopper: Shopper) -> None:
    """A cancellation while stock is being reserved undoes it all. Red without `CancelOrder` in `placement.undo_order`."""
    piece = shop.product(stock=5)
    with platform.paused("saga-consumer"):
        order_id = shopper.place((piece, 2))
        answer = shopper.cancel(order_id, "too dear after all")
        assert (answer.status_code, answer.json()["status"]) == (202, "submitted")
    order = shopper.outcome(order_id)
    assert (order["status"], order["status_reason"]) == ("cancelled", "too dear after all")
    assert shopper.saga(order_id)["status"] == "compensated"
    shop.stock_becomes(piece, 5)
    shopper.told(order_id, "order.cancelled")
    assert [each["event"] for each in shopper.notifications()] == ["order.cancelled"]


def test_after_it_was_confirmed(shop: Shop, shopper: Shopper) -> None:
    """What was sold goes back on the shelf, once. Red without `restock` in `transitions.TABLE`."""
    piece = shop.product(stock=5)
    order_id = shopper.place((piece, 2))
    assert shopper.outcome(order_id)["status"] == "confirmed"
    shop.stock_becomes(piece, 3)
    assert [shopper.cancel(order_id).status_code for _ in range(3)] == [202] * 3
    shopper.becomes(order_id, "cancelled")
    assert shopper.saga(order_id)["status"] == "compensated"
    shop.stock_becomes(piece, 5)
    assert shopper.cancel(order_id).status_code == 202
    kinds = [movement["kind"] for movement in shop.manager.read_all(f"/api/stock/{piece.id}/movements/")]
    assert sorted(kinds) == ["restock", "sale", "set"]
    shopper.told(order_id, "order.cancelled")
    assert [each["event"] for each in shopper.notifications()] == ["order.confirmed", "order.cancelled"]


def test_by_the_manager(shop: Shop, shopper: Shopper) -> None:
    """The shop may cancel, too, and says why. Red without `reason` in `engine._turn_back`."""
    piece = shop.product(stock=1)
    order_id = shopper.place((piece, 1))
    assert shopper.outcome(order_id)["status"] == "confirmed"
    assert shop.manager.cancel(order_id, "it fell down").status_code == 202
    assert shopper.becomes(order_id, "cancelled")["status_reason"] == "it fell down"
    assert "it fell down" in shopper.told(order_id, "order.cancelled")["body"]


def test_not_once_it_was_shipped(shop: Shop, shopper: Shopper) -> None:
    """What has left the house is not cancelled. Red when it is, or when the refusal changes anything."""
    piece = shop.product(stock=5)
    order_id = shopper.place((piece, 1))
    assert shopper.outcome(order_id)["status"] == "confirmed"
    shop.ship(order_id)
    for late in ("shipped", "delivered"):
        refused = shopper.cancel(order_id)
        assert (refused.status_code, refused.json()["status"]) == (409, 409)
        assert refused.headers["Content-Type"] == "application/problem+json"
        assert shopper.look_at(order_id)["status"] == late
        if late == "shipped":
            shop.deliver(order_id)
    assert shop.stock(piece) == (4, 0)


def test_at_random_moments(shop: Shop, shopper: Shopper, sizes: Sizes) -> None:
    """RC-7: whenever a cancellation comes, the order is undone and the stock matches. Red at one leaked piece.

    The moments are drawn anew each time and shown when it fails.
    """
    piece = shop.product(stock=1000)
    moments = [random.uniform(0, 0.4) for _ in range(sizes.cancellations)]
    with ThreadPoolExecutor(4) as pool:
        orders = list(pool.map(lambda moment: _order_and_cancel(shopper, piece, moment), moments))
    for order_id, moment in zip(orders, moments, strict=True):
        shopper.becomes(order_id, "cancelled")
        assert shopper.saga(order_id)["status"] == "compensated", f"cancelled after {moment:.3f} s"
        shopper.told(order_id, "order.cancelled")
    shop.stock_becomes(piece, 1000)
    events = [(each["order_id"], each["event"]) for each in shopper.notifications()]
    assert {order_id for order_id, event in events if event == "order.cancelled"} == set(orders)
    assert len(events) == len(set(events))


def _order_and_cancel(shopper: Shopper, piece: Product, moment: float) -> str:
    order_id = shopper.place((piece, 1))
    time.sleep(moment)  # this is the story: a customer who thinks for so long
    answer = shopper.cancel(order_id)
    assert answer.status_code == 202, answer.text
    return order_id
