"""The rows of the contract's table (section 3) as they are written: fields, filters, headers, statuses.

`contract.py` beside this file says for every row which tests hold it, these and others.
"""

import uuid
from contextlib import ExitStack
from datetime import datetime, timedelta
from typing import Any

import pytest
import requests

from launcher.evidence import ask
from tests.system.platform import INSTANCE, Platform
from tests.system.problems import problem
from tests.system.shop import Shop
from tests.system.shopper import ADDRESS, Json, Shopper, items
from tests.system.waiting import eventually

PRODUCT = {
    "id", "name", "slug", "description", "price", "currency", "categories", "image", "is_active", "version",
    "created_at", "updated_at",
}  # fmt: skip
BASKET = {"items", "total", "currency", "version"}
ORDER = {
    "id", "number", "customer_id", "status", "status_reason", "items", "total", "currency", "shipping_address",
    "created_at", "updated_at",
}  # fmt: skip
SAGA = {"id", "kind", "order_id", "status", "deadline", "steps", "history", "trace_id"}
ASKED_OF_STOCK = "SELECT id FROM messaging_outboxmessage WHERE topic = 'stock.commands' AND sent_at IS NOT NULL AND key = %s"
STALE = '"00000000000000000000000000000000"'


def _shown(answer: requests.Response, status: int, fields: set[str]) -> Json:
    assert answer.status_code == status, answer.text
    found: Json = answer.json()
    assert found.keys() == fields
    return found


class TestProducts:
    """`/api/products/` and `/api/products/{id}/`."""

    @pytest.mark.parametrize("field", ["name", "price", "created_at"])
    def test_ordering(self, field: str, shop: Shop, anybody: Shopper) -> None:
        """Each ordering sorts, and `-` reverses it. Red without `ORDERINGS[…]` in `queries.products`."""
        shelf = shop.category()
        for piece in shop.products(3, stock=0):
            shop.change(piece, price=f"{uuid.uuid4().int % 900 + 1}.00", categories=[shelf["id"]])
        rising = anybody.read_all("/api/products/", category=shelf["slug"], ordering=field)
        falling = anybody.read_all("/api/products/", category=shelf["slug"], ordering=f"-{field}")
        values = [float(each[field]) if field == "price" else each[field] for each in rising]
        assert len(values) == 3
        assert values == sorted(values)
        assert falling == rising[::-1]
        shop.drop(shelf)

    def test_one(self, shop: Shop, anybody: Shopper) -> None:
        """GET shows these fields and a strong tag; HEAD the same without the body.

        Red without a field of `show_product`, or without the `ETag` of `preconditions.conditional`.
        """
        path = f"/api/products/{shop.product(stock=0).id}/"
        answer = anybody.send("GET", path)
        shown = _shown(answer, 200, PRODUCT)
        assert (shown["currency"], shown["is_active"], shown["version"]) == ("EUR", True, 1)
        head = anybody.send("HEAD", path)
        assert (head.status_code, head.content, head.headers["ETag"]) == (200, b"", answer.headers["ETag"])
        options = anybody.send("OPTIONS", path)
        assert options.status_code == 200
        assert {"GET", "HEAD", "PUT", "PATCH", "DELETE"} <= set(options.headers["Allow"].split(", "))

    def test_everything_that_is_wrong_is_said_at_once(self, manager: Shopper) -> None:
        """POST: 400 with an entry for each field. Red when `problems.flatten` gives the first error alone."""
        body = {"name": "", "price": "-1", "currency": "euro", "slug": "No Slug"}
        document = problem(manager.send("POST", "/api/products/", json=body), 400, "validation-error")
        assert {error["field"] for error in document["errors"]} == set(body)

    @pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
    def test_a_stale_tag(self, method: str, shop: Shop) -> None:
        """`If-Match` with a stale tag is 412, with the current one it is done. Red without the `raise` of `refuse_failed`."""
        path = f"/api/products/{shop.product(stock=0).id}/"
        tag = shop.manager.send("GET", path).headers["ETag"]
        body = {"name": f"Changed {uuid.uuid4().hex[:8]}", "price": "2.00"}
        problem(
            shop.manager.send(method, path, json=body, headers={"If-Match": STALE}),
            412,
            "precondition-failed",
        )
        done = shop.manager.send(method, path, json=body, headers={"If-Match": tag})
        assert done.status_code == (204 if method == "DELETE" else 200)

    def test_archived_twice(self, shop: Shop, anybody: Shopper) -> None:
        """DELETE archives, 204 however often; the product is shown by its id. Red when `queries.product` asks for `is_active`."""
        path = f"/api/products/{shop.product(stock=0).id}/"
        assert [shop.manager.send("DELETE", path).status_code for _ in range(2)] == [204, 204]
        assert anybody.read(path)["is_active"] is False


class TestCategories:
    """`/api/categories/…`."""

    def test_a_life(self, shop: Shop, anybody: Shopper) -> None:
        """POST 201 + `Location`, PUT, PATCH, DELETE 204, all with `If-Match`. Red without `precondition(…)` in the view."""
        made = shop.manager.send("POST", "/api/categories/", json={"name": f"Shelf {uuid.uuid4().hex[:8]}"})
        assert made.status_code == 201, made.text
        path = made.headers["Location"].removeprefix(anybody.address)
        shown = _shown(anybody.send("GET", path), 200, {"id", "name", "slug"})
        assert shown == made.json()
        tag = anybody.send("GET", path).headers["ETag"]
        assert anybody.send("GET", path, headers={"If-None-Match": tag}).status_code == 304
        for method in ("PUT", "PATCH", "DELETE"):
            body = {"name": f"Renamed {method} {uuid.uuid4().hex[:8]}"}
            problem(shop.manager.send(method, path, json=body, headers={"If-Match": STALE}), 412)
            done = shop.manager.send(method, path, json=body, headers={"If-Match": tag})
            assert done.status_code == (204 if method == "DELETE" else 200), done.text
            tag = done.headers.get("ETag", "")
        problem(anybody.send("GET", path), 404)

    def test_products_in_and_out(self, shop: Shop, anybody: Shopper) -> None:
        """POST puts a product in, DELETE takes it out, however often. Red without `dict.fromkeys` in `_recategorise`."""
        shelf, piece = shop.category(), shop.product(stock=0)
        path = f"/api/categories/{shelf['id']}/products/"
        put = [shop.manager.send("POST", path, json={"product_id": piece.id}).status_code for _ in range(2)]
        assert put == [201, 200]
        assert anybody.read(f"/api/products/{piece.id}/")["categories"] == [shelf]
        taken = [shop.manager.send("DELETE", f"{path}{piece.id}/").status_code for _ in range(2)]
        assert taken == [204, 204]
        shop.drop(shelf)


class TestStock:
    """`/api/stock/…`."""

    def test_fewer_than_are_reserved(self, platform: Platform, shop: Shop, shopper: Shopper) -> None:
        """PUT `on_hand` below `reserved` is 409; so is an adjustment. Red without `left < shelf.reserved` in `operations._move`."""
        piece, other = shop.product(stock=5), shop.product(stock=1)
        path = f"/api/stock/{piece.id}/"
        with ExitStack() as nobody_hears:  # that it was reserved, so nobody commits it
            with platform.paused("stock-consumer"):
                order_id = shopper.place((piece, 3), (other, 1))
                eventually(
                    lambda: ask(INSTANCE, "saga", ASKED_OF_STOCK, order_id), what="its reservation asked for"
                )
                nobody_hears.enter_context(platform.paused("saga-consumer"))
            eventually(lambda: shop.stock(piece), lambda stock: stock == (5, 3), what="three reserved")
            problem(shop.manager.send("PUT", path, json={"on_hand": 2}), 409)
            problem(
                shop.manager.send("POST", f"{path}adjustments/", json={"delta": -3, "reason": "lost"}), 409
            )
            assert shop.stock(piece) == (5, 3)
            assert shopper.read(path) == {"product_id": piece.id, "available": 2}
            level = _shown(
                shop.manager.send("PUT", path, json={"on_hand": 3}),
                200,
                {"product_id", "available", "on_hand", "reserved", "version"},
            )
            assert (level["on_hand"], level["available"]) == (3, 0)
        assert shopper.outcome(order_id)["status"] == "confirmed"
        shop.stock_becomes(piece, 0)


class TestBasket:
    """`/api/basket/…`."""

    def test_empty(self, shopper: Shopper) -> None:
        """GET of an empty basket is 200 with no items. Red without `or '0'` in `basket.lua`."""
        shown = _shown(shopper.send("GET", "/api/basket/"), 200, BASKET)
        assert (shown["items"], shown["total"]) == ([], "0.00")

    def test_a_line(self, shop: Shop, shopper: Shopper) -> None:
        """PUT sets a line of 1…999, DELETE takes it out. Red without `max_value` in `LineQuantitySerializer`."""
        piece = shop.product(stock=1, price="2.50")
        shopper.put_in_basket(piece, 3)
        (line,) = shopper.read("/api/basket/")["items"]
        assert line == {
            "product_id": piece.id, "name": piece.name, "unit_price": "2.50", "quantity": 3, "line_total": "7.50",
            "available": True,
        }  # fmt: skip
        path = f"/api/basket/items/{piece.id}/"
        for quantity in (0, 1000, -1, "2", 1.5):
            problem(shopper.send("PUT", path, json={"quantity": quantity}), 400, field="quantity")
        assert [shopper.send("PUT", path, json={"quantity": each}).status_code for each in (1, 999)] == [
            200,
            200,
        ]
        problem(shopper.send("PUT", f"/api/basket/items/{'0' * 24}/", json={"quantity": 1}), 404)
        assert [shopper.send("DELETE", path).status_code for _ in range(2)] == [204, 204]

    def test_an_archived_product(self, shop: Shop, shopper: Shopper) -> None:
        """It stays, marked; PUT is 404, ordering is 409 and names it. Red when `currency_of` in `basket.lua` takes another flag than 1.

        Red, too, without `_refuse_unavailable` in `read_basket`: the rest is ordered without a word.
        """
        tea, piece = shop.products(2, stock=1, price="2.50")
        shopper.put_in_basket(tea, 1)
        shopper.put_in_basket(piece, 1)
        tag = shopper.send("GET", "/api/basket/").headers["ETag"]
        known = {"If-None-Match": tag}
        assert shopper.send("GET", "/api/basket/", headers=known).status_code == 304
        shop.archive(piece)
        path = f"/api/basket/items/{piece.id}/"
        eventually(
            lambda: shopper.send("PUT", path, json={"quantity": 2}).status_code,
            lambda status: status == 404,
            what="the basket to hear of it",
        )
        shown = _shown(shopper.send("GET", "/api/basket/", headers=known), 200, BASKET)
        assert [(line["product_id"], line["available"]) for line in shown["items"]] == [
            (tea.id, True),
            (piece.id, False),
        ]
        assert (shown["items"][1]["unavailable_reason"], shown["total"]) == ("archived", "2.50")
        document = problem(shopper.order(), 409, "product-unavailable")
        assert (document["product_ids"], piece.name in document["detail"]) == ([piece.id], True)
        assert shopper.send("DELETE", path).status_code == 204
        assert shopper.outcome(shopper.place())["total"] == "2.50"

    def test_the_whole(self, shop: Shop, shopper: Shopper) -> None:
        """PUT replaces the whole, DELETE empties it, each raises the version. Red without `basket.lines = …` in `replace.lua`."""
        tea, cup = shop.products(2, stock=1)
        shopper.put_in_basket(tea, 1)
        shopper.put_in_basket(cup, 1)
        before = shopper.read("/api/basket/")["version"]
        replaced = shopper.send("PUT", "/api/basket/", json={"items": items((cup, 7))})
        assert (replaced.status_code, shopper.basket()) == (200, {cup.id: 7})
        assert replaced.json()["version"] > before
        assert [shopper.send("DELETE", "/api/basket/").status_code for _ in range(2)] == [204, 204]
        assert shopper.basket() == {}


class TestOrders:
    """`/api/orders/…`."""

    def test_placed(self, shop: Shop, shopper: Shopper) -> None:
        """POST: 201, `Location`, `status: "submitted"` and every field. Red without `* self.quantity` in `OrderLine.line_total`."""
        piece = shop.product(stock=5, price="3.10")
        answer = shopper.order((piece, 2), shipping_address={**ADDRESS, "line2": "Left door"})
        shown = _shown(answer, 201, ORDER)
        assert answer.headers["Location"] == f"{shopper.address}/api/orders/{shown['id']}/"
        assert (shown["status"], shown["total"], shown["customer_id"]) == ("submitted", "6.20", shopper.id)
        assert shown["items"] == [
            {
                "product_id": piece.id,
                "name": piece.name,
                "unit_price": "3.10",
                "quantity": 2,
                "line_total": "6.20",
            }
        ]
        assert shown["shipping_address"]["line2"] == "Left door"
        assert shopper.outcome(shown["id"]).keys() == ORDER
        assert shop.manager.look_at(shown["id"])["id"] == shown["id"], "a manager sees every order"

    def test_everything_that_is_wrong_is_said_at_once(self, shopper: Shopper) -> None:
        """POST: 400 with an entry for each field, however deep. Red when `problems.flatten` gives the first error alone."""
        body: Json = {
            "shipping_address": {**ADDRESS, "country": "Germany", "city": ""},
            "items": [{"product_id": "x", "quantity": 0}],
            "expected_total": "1.999",
        }
        document = problem(shopper.send("POST", "/api/orders/", json=body), 400, "validation-error")
        named = {error["field"] for error in document["errors"]}
        assert {name.rpartition(".")[2] for name in named} == {
            "country", "city", "product_id", "quantity", "expected_total",
        }  # fmt: skip

    def test_an_idempotency_key_of_255_characters(self, shop: Shop, shopper: Shopper) -> None:
        """The longest key counts, a longer one is refused. Red without `raise IdempotencyKeyInvalid`."""
        piece, key = shop.product(stock=5), uuid.uuid4().hex + "k" * 223
        assert {shopper.order((piece, 1), key=key).json()["id"] for _ in range(2)} == {
            shopper.read("/api/orders/")["results"][0]["id"]
        }
        problem(shopper.order((piece, 1), key=key + "k"), 400, "idempotency-key-invalid")

    def test_filters(self, shop: Shop, shopper: Shopper) -> None:
        """`status`, `created_after` and `created_before` narrow the list. Red without `filterset_class`."""
        piece = shop.product(stock=1)
        order_id = shopper.place((piece, 1))
        order = shopper.outcome(order_id)
        at = datetime.fromisoformat(order["created_at"])
        earlier, later = ((at + timedelta(minutes=minutes)).isoformat() for minutes in (-1, 1))

        def found(**query: str) -> list[str]:
            return [each["id"] for each in shopper.read_all("/api/orders/", **query)]

        for query in ({"status": "confirmed"}, {"created_after": earlier}, {"created_before": later}):
            assert found(**query) == [order_id], query
        for query in ({"status": "shipped"}, {"created_after": later}, {"created_before": earlier}):
            assert found(**query) == [], query

    def test_from_state_to_state(self, shop: Shop, shopper: Shopper) -> None:
        """Ship and deliver are 200 or 409, cancel 202 until shipped and 409 then. Red without `TRANSITIONS` in `move_to`."""
        order_id = shopper.place((shop.product(stock=1), 1))
        assert shopper.outcome(order_id)["status"] == "confirmed"
        path = f"/api/orders/{order_id}"
        problem(shop.manager.send("POST", f"{path}/deliver/"), 409, "order-state")
        assert shop.ship(order_id).keys() == ORDER
        problem(shop.manager.send("POST", f"{path}/ship/"), 409, "order-state")
        problem(shopper.cancel(order_id), 409, "order-state")
        assert shop.deliver(order_id)["status"] == "delivered"
        for how in ("ship", "deliver"):
            problem(shop.manager.send("POST", f"{path}/{how}/"), 409, "order-state")

    def test_pages_while_others_are_placed(self, shop: Shop, shopper: Shopper) -> None:
        """A walk shows what was there once each. Red without `KeysetPagination`: where `next` is a page number, an order comes twice."""
        piece = shop.product(stock=100)
        placed = [shopper.place((piece, 1)) for _ in range(4)]
        first = shopper.read("/api/orders/", page_size=2)
        shopper.place((piece, 1))
        second = shopper.read(first["next"])
        assert [each["id"] for page in (first, second) for each in page["results"]] == placed[::-1]
        assert (first["count"], second["count"]) == (4, 5)
        assert [each["id"] for each in shopper.read("/api/orders/", page_size=2, page=2)["results"]] == [
            placed[2], placed[1],
        ]  # fmt: skip


class TestSagas:
    """`/api/sagas/…` and `/api/dead-letters/…`."""

    def test_for_the_owner_and_for_managers(self, shop: Shop, shopper: Shopper, other: Shopper) -> None:
        """By `order_id` and by id, with these fields; 404 for another customer. Red without `Q(customer_id=…)` in `get_queryset`."""
        order_id = shopper.place((shop.product(stock=1), 1))
        saga = shopper.saga(order_id)
        path = f"/api/sagas/{saga['id']}/"
        for caller in (shopper, shop.manager):
            assert [each["id"] for each in caller.read_all("/api/sagas/", order_id=order_id)] == [saga["id"]]
            _shown(caller.send("GET", path), 200, SAGA)
        assert {frozenset(step) for step in saga["steps"]} == {
            frozenset({"name", "status", "attempts", "started_at", "finished_at", "error"})
        }
        assert {frozenset(entry) for entry in saga["history"]} == {frozenset({"at", "event", "detail"})}
        assert other.read_all("/api/sagas/", order_id=order_id) == []
        problem(other.send("GET", path), 404)
        problem(shop.manager.send("POST", f"{path}retry/"), 409)

    def test_one_that_waits_is_woken(self, platform: Platform, shop: Shop, shopper: Shopper) -> None:
        """POST `retry` of a saga under way is 200 and does no harm. Red when more than `saga.has_ended` refuses it."""
        piece = shop.product(stock=5)
        with platform.paused("stock-consumer"):
            order_id = shopper.place((piece, 2))
            saga = eventually(lambda: shopper.saga_now(order_id), what="its saga")
            woken = shop.manager.send("POST", f"/api/sagas/{saga['id']}/retry/")
            assert _shown(woken, 200, SAGA)["status"] == "running"
        assert shopper.outcome(order_id)["status"] == "confirmed"
        shop.stock_becomes(piece, 3)


class TestNotifications:
    """`/api/notifications/…`."""

    def test_told_and_read(self, shop: Shop, shopper: Shopper, other: Shopper) -> None:
        """In id order after `after`, in pages; read is 204, for its owner alone. Red without `customer_id` in `mark_read`."""
        order_id = shopper.place((shop.product(stock=1), 1))
        told = shopper.told(order_id, "order.confirmed")
        assert told.keys() == {"id", "event", "order_id", "title", "body", "data", "created_at", "read_at"}
        assert other.notifications() == []
        path = f"/api/notifications/{told['id']}/read/"
        problem(other.send("POST", path), 404)
        assert [shopper.send("POST", path).status_code for _ in range(2)] == [204, 204]
        assert shopper.read("/api/notifications/", after=told["id"])["results"] == []


def test_times_money_and_ids(shop: Shop, shopper: Shopper) -> None:
    """Times are RFC 3339 UTC, money has two places, ids are UUIDs. Red without `decimal_places=2` of `Order.total`."""
    order: dict[str, Any] = shopper.outcome(shopper.place((shop.product(stock=1, price="7"), 1)))
    assert order["total"] == "7.00"
    assert str(uuid.UUID(order["id"])) == order["id"]
    for name in ("created_at", "updated_at"):
        assert order[name].endswith("Z")
        assert datetime.fromisoformat(order[name]).utcoffset() == timedelta(0)
