"""One order for one intention, however often it is sent (promises RC-5 and RC-6)."""

import uuid
from concurrent.futures import ThreadPoolExecutor

from tests.system.conftest import Sizes
from tests.system.shop import Shop
from tests.system.shopper import Shopper

ALREADY = {"basket-already-ordered", "basket-empty"}


def test_the_same_key_gives_the_first_answer_again(shop: Shop, shopper: Shopper, other: Shopper) -> None:
    """A request that is sent again is answered again with the first answer.

    Red without `first_answer` in the view, or without `order.fingerprint != fingerprint` in `_ordered_with`.
    """
    piece, key = shop.product(stock=10), str(uuid.uuid4())
    first = shopper.order((piece, 1), key=key)
    assert first.status_code == 201
    order_id = first.json()["id"]
    assert shopper.outcome(order_id)["status"] == "confirmed"
    again = shopper.order((piece, 1), key=key)
    assert (again.status_code, again.json(), again.headers["Location"]) == (
        201,
        first.json(),
        first.headers["Location"],
    )

    different = shopper.order((piece, 2), key=key)
    assert (different.status_code, different.json()["type"].rpartition("/")[2]) == (
        422,
        "idempotency-key-reused",
    )
    assert [order["id"] for order in shopper.read_all("/api/orders/")] == [order_id]
    assert other.place((piece, 1), key=key) != order_id, "a key is each customer's own"


def test_one_key_many_times_at_once(shop: Shop, shopper: Shopper, sizes: Sizes) -> None:
    """RC-5: of many that race with one key one wins, and all hear the same. Red without `_ordered_with` after a refusal."""
    piece, key = shop.product(stock=1000), str(uuid.uuid4())
    with ThreadPoolExecutor(sizes.same_key) as pool:
        answers = [
            future.result()
            for future in [pool.submit(shopper.order, (piece, 1), key=key) for _ in range(sizes.same_key)]
        ]
    assert {answer.status_code for answer in answers} == {201}, [answer.text for answer in answers]
    assert all(answer.json() == answers[0].json() for answer in answers)
    assert len(shopper.read_all("/api/orders/")) == 1
    assert shopper.outcome(answers[0].json()["id"])["status"] == "confirmed"
    shop.stock_becomes(piece, 999)


def test_one_version_of_a_basket_is_ordered_once(shop: Shop, shopper: Shopper) -> None:
    """A basket is ordered once, unless the order came to nothing. Red without `basket_version` in `_new_order`.

    Red, too, without `self.basket_version = None` in `Order.move_to`: what was rejected stays ordered for ever.
    """
    piece = shop.product(stock=1)
    shopper.put_in_basket(piece, 2)
    assert shopper.outcome(shopper.place())["status"] == "rejected"
    shop.put_in_stock(piece, 2)
    order_id = shopper.place()
    again = shopper.order()
    assert (again.status_code, again.json()["type"].rpartition("/")[2] in ALREADY) == (409, True)
    assert shopper.outcome(order_id)["status"] == "confirmed"


def test_one_basket_in_two_tabs_at_once(shop: Shop, shopper: Shopper) -> None:
    """RC-6: two tabs with keys of their own order one basket. Red without `raise BasketAlreadyOrdered`.

    The slower tab may find the basket emptied by the quicker one's order already.
    """
    piece = shop.product(stock=100)
    for _ in range(3):
        shopper.put_in_basket(piece, 1)
        before = len(shopper.read_all("/api/orders/"))
        with ThreadPoolExecutor(2) as pool:
            tabs = [pool.submit(shopper.order, key=str(uuid.uuid4())) for _ in range(2)]
            answers = sorted((tab.result() for tab in tabs), key=lambda answer: answer.status_code)
        assert [answer.status_code for answer in answers] == [201, 409], [answer.text for answer in answers]
        assert answers[1].json()["type"].rpartition("/")[2] in ALREADY
        assert len(shopper.read_all("/api/orders/")) == before + 1
        shopper.saga(answers[0].json()["id"])
        shopper.basket_becomes({})


def test_an_empty_basket_is_not_ordered(shopper: Shopper) -> None:
    """There is nothing to order. Red without `raise BasketEmpty`."""
    refused = shopper.order()
    assert (refused.status_code, refused.json()["type"].rpartition("/")[2]) == (409, "basket-empty")
    assert shopper.read_all("/api/orders/") == []
