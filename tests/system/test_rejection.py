"""An order for more than there is."""

from launcher.evidence import ask
from tests.system.platform import INSTANCE, Platform
from tests.system.shop import Shop
from tests.system.shopper import Shopper
from tests.system.sockets import listening
from tests.system.waiting import eventually


def test_more_than_there_is(platform: Platform, shop: Shop, shopper: Shopper) -> None:
    """All or nothing: the customer is told why, nothing stays reserved, the basket is as it was.

    Red without the shortages in `engine._why`, without `name` in the saga's items, when a part of the order is held, or when the basket is emptied.
    """
    plenty, scarce = shop.product(stock=10), shop.product(stock=2)
    shopper.put_in_basket(plenty, 3)
    shopper.put_in_basket(scarce, 3)
    assert shopper.log_in
    with listening(platform.urls["gateway"], shopper.log_in.token) as feed:
        order_id = shopper.place()
        pushed = feed.until(order_id, "order.rejected")

    order = shopper.look_at(order_id)
    assert order["status"] == "rejected"
    told, saga = shopper.told(order_id, "order.rejected"), shopper.saga(order_id)
    assert told["id"] == pushed["id"]
    for text in (order["status_reason"], told["body"], told["data"]["reason"], str(saga["steps"])):
        assert scarce.name in text
        assert plenty.name not in text
        assert scarce.id not in text
    assert saga["status"] == "compensated"
    assert {step["name"]: step["status"] for step in saga["steps"]}["reserve-stock"] == "refused"
    assert (shop.stock(plenty), shop.stock(scarce)) == ((10, 0), (2, 0))
    assert shopper.basket() == {plenty.id: 3, scarce.id: 3}


def test_what_was_rejected_can_be_ordered_once_there_is_enough(shop: Shop, shopper: Shopper) -> None:
    """A rejection is about one order and no curse on the product. Red when a rejection leaves something behind."""
    piece = shop.product(stock=1)
    assert shopper.outcome(shopper.place((piece, 2)))["status"] == "rejected"
    shop.put_in_stock(piece, 2)
    assert shopper.outcome(shopper.place((piece, 2)))["status"] == "confirmed"
    shop.stock_becomes(piece, 0)


def test_an_archived_product_is_not_sold_but_still_shown(shop: Shop, shopper: Shopper) -> None:
    """Archiving ends the sale, not the history. Red without `_refuse_archived` in `pricing.quote`."""
    piece = shop.product(stock=5)
    order_id = shopper.place((piece, 1))
    assert shopper.outcome(order_id)["status"] == "confirmed"
    shop.archive(piece)
    refused = shopper.order((piece, 1))
    assert (refused.status_code, refused.json()["type"].rpartition("/")[2]) == (409, "product-unavailable")
    assert shopper.look_at(order_id)["items"][0]["name"] == piece.name
    assert shopper.read(f"/api/products/{piece.id}/")["is_active"] is False
    assert piece.id not in {
        found["id"] for found in shopper.read("/api/products/", search=piece.name)["results"]
    }


def test_what_was_archived_is_refused_by_stock_where_the_order_service_has_not_heard(
    platform: Platform, shop: Shop, shopper: Shopper
) -> None:
    """Ordered at once after it was archived: never confirmed once stock knows. Red with `return ()` in `LockedLevels.archived`."""
    piece = shop.product(stock=5)
    with platform.paused("order-consumer"):
        shop.change(piece, is_active=False)
        eventually(
            lambda: ask(
                INSTANCE, "stock", "SELECT is_active FROM stock_stockitem WHERE product_id = %s", piece.id
            ),
            lambda rows: rows == [(False,)],
            what=f"{piece} archived for stock",
        )
        order_id = shopper.place((piece, 1))

    order = shopper.outcome(order_id)
    assert order["status"] == "rejected"
    assert piece.name in order["status_reason"]
    assert piece.id not in order["status_reason"]
    assert shop.stock(piece) == (5, 0)
