"""From the shelf to the door: what a customer and a manager see of an order that goes well."""

from tests.system.conftest import Settle
from tests.system.platform import Platform, manage
from tests.system.shop import Shop
from tests.system.shopper import Shopper
from tests.system.sockets import listening
from tests.system.waiting import TERM, eventually

ON_THE_WAY = {
    "gateway", "order-api", "saga-consumer", "stock-consumer", "order-consumer", "notification-consumer",
}  # fmt: skip
STEPS = ["submit-order", "reserve-stock", "commit-stock", "confirm-order", "remove-from-basket"]


def test_from_the_shelf_to_the_door(platform: Platform, shop: Shop, shopper: Shopper) -> None:
    """Every step of an order that goes well, as its customer sees it. Red when any service, topic or step is broken."""
    tea, cup = shop.product(stock=10, price="4.50"), shop.product(stock=5, price="8.00")
    found = shopper.read("/api/products/", search=tea.name)
    assert [(each["id"], each["price"]) for each in found["results"]] == [(tea.id, "4.50")]
    assert shopper.read(f"/api/stock/{tea.id}/") == {"product_id": tea.id, "available": 10}

    shopper.put_in_basket(tea, 2)
    basket = shopper.put_in_basket(cup, 1)
    assert (basket["total"], basket["currency"]) == ("17.00", "EUR")
    with listening(platform.urls["gateway"], shopper.log_in.token, by_subprotocol=True) as feed:  # type: ignore[union-attr]
        order_id = shopper.place(expected_total="17.00")
        message = feed.until(order_id, "order.confirmed")
        assert set(message) >= {"id", "event", "order_id", "title", "body", "data", "created_at"}

        order = shopper.look_at(order_id)
        assert (order["status"], order["total"], order["customer_id"]) == ("confirmed", "17.00", shopper.id)
        bought = [
            (line["product_id"], line["unit_price"], line["quantity"], line["line_total"])
            for line in order["items"]
        ]
        assert sorted(bought) == sorted([(tea.id, "4.50", 2, "9.00"), (cup.id, "8.00", 1, "8.00")])
        assert (shop.stock(tea), shop.stock(cup)) == ((8, 0), (4, 0))

        assert shop.ship(order_id)["status"] == "shipped"
        assert shop.deliver(order_id)["status"] == "delivered"
        feed.until(order_id, "order.delivered")
        assert [each["event"] for each in feed.received] == [
            "order.confirmed",
            "order.shipped",
            "order.delivered",
        ]

    shopper.basket_becomes({})
    saga = shopper.saga(order_id)
    assert (saga["status"], saga["kind"], saga["deadline"]) == ("completed", "order-placement", None)
    assert [(step["name"], step["status"]) for step in saga["steps"]] == [(name, "done") for name in STEPS]
    assert {"started", "stock.reserved.v1", "stock.committed.v1", "order.confirmed.v1", "completed"} <= {
        entry["event"] for entry in saga["history"]
    }


def test_one_trace_is_an_orders_whole_way(shop: Shop, shopper: Shopper) -> None:
    """Over every process that had it in hand. Red when one of them is silent."""
    order_id = shopper.place((shop.product(stock=1), 1))
    shopper.saga(order_id)
    eventually(
        lambda: {
            line.split()[3]
            for line in manage("logs", "--trace", order_id).stdout.splitlines()
            if " ms " in line
        },
        lambda seen: seen >= ON_THE_WAY,
        what="a line of each process",
    )


def test_an_order_is_decided_in_time(settle: Settle, shop: Shop, shopper: Shopper) -> None:
    """On a quiet shop within T_term (docs/promises.md). Red when a step waits for a timer, as where events are only written down and no worker is woken."""
    piece = shop.product(stock=1)
    settle()
    taken, refused = [shopper.place((piece, 1)) for _ in range(2)]
    assert shopper.outcomes([taken, refused], TERM) == {taken: "confirmed", refused: "rejected"}


def test_what_was_added_since_stays_in_the_basket(platform: Platform, shop: Shop, shopper: Shopper) -> None:
    """Only what was ordered leaves the basket. Red when the basket is emptied instead, or its lines are dropped whole."""
    tea, cup = shop.product(stock=10), shop.product(stock=10)
    shopper.put_in_basket(tea, 2)
    with platform.paused("saga-consumer"):
        order_id = shopper.place()
        shopper.put_in_basket(tea, 5)
        shopper.put_in_basket(cup, 1)
    assert shopper.outcome(order_id)["status"] == "confirmed"
    shopper.basket_becomes({tea.id: 3, cup.id: 1})


def test_a_listener_that_comes_back_misses_nothing(platform: Platform, shop: Shop, shopper: Shopper) -> None:
    """Resuming with `after` brings everything since, once and in order. Red at a gap, a double, or a lost push."""
    piece, gateway, log_in = shop.product(stock=10), platform.urls["gateway"], shopper.log_in
    assert log_in
    with listening(gateway, log_in.token) as feed:
        first = feed.until(shopper.place((piece, 1)), "order.confirmed")
    missed = [shopper.place((piece, 1)) for _ in range(3)]
    for order_id in missed:
        shopper.told(order_id, "order.confirmed")
    with (
        listening(gateway, log_in.token, after=first["id"]) as feed,
        listening(gateway, log_in.token, after=0) as from_the_start,
    ):
        last = shopper.place((piece, 1))
        feed.until(last, "order.confirmed")
        from_the_start.until(last, "order.confirmed")
    assert {message["order_id"] for message in feed.received} == {*missed, last}
    assert [message["id"] for message in feed.received] == list(range(first["id"] + 1, first["id"] + 5))
    assert [message["id"] for message in from_the_start.received] == list(range(1, 6))


def test_notifications_are_listed_and_marked_as_read(shop: Shop, shopper: Shopper) -> None:
    """The list is in id order, `after` cuts it, and the first reading counts. Red without `Coalesce` in `mark_read`."""
    piece = shop.product(stock=10)
    for order_id in [shopper.place((piece, 1)) for _ in range(3)]:
        shopper.told(order_id, "order.confirmed")
    listed = shopper.notifications()
    assert [each["id"] for each in listed] == [1, 2, 3]
    assert {each["read_at"] for each in listed} == {None}
    assert [each["id"] for each in shopper.notifications(after=2)] == [3]

    assert shopper.send("POST", "/api/notifications/2/read/").status_code == 204
    read_at = shopper.notifications()[1]["read_at"]
    assert read_at
    assert shopper.send("POST", "/api/notifications/2/read/").status_code == 204
    assert [each["read_at"] for each in shopper.notifications()] == [None, read_at, None]


def test_orders_are_listed_newest_first_and_filtered(shop: Shop, shopper: Shopper) -> None:
    """A customer finds their orders by status and time. Red when a filter lets others through or turns the order."""
    piece = shop.product(stock=2)
    first, second = shopper.place((piece, 1)), shopper.place((piece, 9))
    assert shopper.outcomes([first, second]) == {first: "confirmed", second: "rejected"}
    assert [order["id"] for order in shopper.read_all("/api/orders/")] == [second, first]
    assert [order["id"] for order in shopper.read_all("/api/orders/", status="rejected")] == [second]
    times = [shopper.look_at(order_id)["created_at"] for order_id in (first, second)]
    assert [order["id"] for order in shopper.read_all("/api/orders/", created_before=times[0])] in (
        [first],
        [],
    )
    assert [order["id"] for order in shopper.read_all("/api/orders/", created_after=times[1])] in (
        [second],
        [],
    )
    assert len(shopper.read_all("/api/orders/", created_after=times[0], created_before=times[1])) in {0, 2}
