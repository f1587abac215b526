"""Nobody pays a price that they were not shown, and nobody names their own (promise RC-8)."""

from concurrent.futures import ThreadPoolExecutor

from tests.system.shop import Shop
from tests.system.shopper import Product, Shopper, items

PRICES = ["10.00", "11.00", "12.50", "9.99"]


def test_a_price_that_changed_is_said_before_it_is_charged(shop: Shop, shopper: Shopper) -> None:
    """`expected_total` that no longer holds is refused with the prices that hold. Red without `check_expectation`."""
    piece = shop.product(stock=10, price="10.00")
    shop.reprice(piece, "12.00")
    refused = shopper.order((piece, 3), expected_total="30.00")
    assert (refused.status_code, refused.json()["type"].rpartition("/")[2]) == (409, "price-changed")
    assert (refused.json()["total"], refused.json()["items"][0]["unit_price"]) == ("36.00", "12.00")
    assert shopper.read_all("/api/orders/") == []
    order = shopper.outcome(shopper.place((piece, 3), expected_total="36.00"))
    assert (order["status"], order["total"]) == ("confirmed", "36.00")


def test_an_order_keeps_the_price_it_was_placed_at(shop: Shop, shopper: Shopper) -> None:
    """A price change is not for what was bought before. Red when an order shows another price than it was placed at."""
    piece = shop.product(stock=10, price="10.00")
    order_id = shopper.place((piece, 1))
    shop.reprice(piece, "99.00")
    assert shopper.outcome(order_id)["items"][0]["unit_price"] == "10.00"


def test_what_a_client_says_of_prices_and_states_does_not_count(
    shop: Shop, shopper: Shopper, other: Shopper
) -> None:
    """Every field that is the service's own is the service's own. Red when one of them can be set from outside."""
    piece = shop.product(stock=10, price="10.00")
    wishes = {
        "total": "0.01",
        "status": "delivered",
        "customer_id": other.id,
        "number": "MC-1",
        "currency": "USD",
    }
    line = {**items((piece, 2))[0], "unit_price": "0.01", "name": "A gift", "line_total": "0.00"}
    answer = shopper.order(**wishes, items=[line])
    assert answer.status_code in {201, 400}, answer.text
    if answer.status_code == 201:
        order = shopper.outcome(answer.json()["id"])
        assert (order["total"], order["currency"], order["customer_id"]) == ("20.00", "EUR", shopper.id)
        assert (order["items"][0]["unit_price"], order["items"][0]["name"]) == ("10.00", piece.name)
        assert order["status"] == "confirmed"
        assert order["number"] != "MC-1"


def test_prices_that_change_while_people_buy(shop: Shop, shopper: Shopper) -> None:
    """RC-8: every order is at a price that was shown, and the one that its customer agreed to. Red at any other total."""
    piece = shop.product(stock=1000, price=PRICES[0])
    with ThreadPoolExecutor(5) as pool:
        buying = [pool.submit(_buy, shopper, piece, 6) for _ in range(4)]
        for price in PRICES[1:]:
            shop.reprice(piece, price)
            shop.manager.send(
                "POST", f"/api/stock/{piece.id}/adjustments/", json={"delta": 5, "reason": "found some"}
            )
        bought = [order_id for future in buying for order_id in future.result()]
    totals = [shopper.outcome(order_id)["total"] for order_id in bought]
    assert set(totals) <= set(PRICES)
    on_hand, reserved = shop.stock(piece)
    assert (on_hand, reserved) == (1000 + 5 * len(PRICES[1:]) - len(bought), 0)


def _buy(shopper: Shopper, piece: Product, times: int) -> list[str]:
    """Look at the price, then order at it; an order that is refused because it changed was not placed."""
    placed = []
    for _ in range(times):
        shown = shopper.read(f"/api/products/{piece.id}/")["price"]
        answer = shopper.order((piece, 1), expected_total=shown)
        assert answer.status_code in {201, 409}, answer.text
        if answer.status_code == 201:
            assert answer.json()["total"] == shown
            placed.append(answer.json()["id"])
    return placed
