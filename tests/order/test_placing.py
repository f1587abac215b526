"""Placing an order over HTTP: prices, baskets, idempotency, and what bad input gets."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import ProgrammingError, connection
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from apps.order.models import Order
from shared.messaging.models import OutboxMessage
from shared.testing.fixtures import ClientFor
from shared.testing.tokens import ALICE, BOB
from tests.order.conftest import ADDRESS, CUP, GONE, TEA, UNKNOWN, BasketService
from tests.own_connection import own_connection

pytestmark = pytest.mark.usefixtures("shop")
BODY: dict[str, Any] = {
    "shipping_address": ADDRESS,
    "items": [{"product_id": TEA, "quantity": 2}, {"product_id": CUP, "quantity": 1}],
}


def place(client: APIClient, body: Any = BODY, key: str | None = None) -> Any:
    headers = {"Idempotency-Key": key} if key is not None else {}
    return client.post("/api/orders/", body, format="json", headers=headers)


def slug(answer: Any) -> str:
    return str(answer.json()["type"].rpartition("/")[2])


def nothing_happened() -> bool:
    return not Order.objects.exists() and not OutboxMessage.objects.exists()


def test_the_answer(customer_client: APIClient) -> None:
    answer = place(customer_client)
    shown = answer.json()
    assert answer.status_code == 201
    assert answer["Location"] == f"http://localhost:8000/api/orders/{shown['id']}/"
    assert shown["items"][0] == {
        "product_id": TEA,
        "name": "aaa",
        "unit_price": "2.50",
        "quantity": 2,
        "line_total": "5.00",
    }
    assert (shown["status"], shown["total"], shown["currency"], shown["customer_id"]) == (
        "submitted",
        "15.00",
        "EUR",
        ALICE,
    )
    assert shown["shipping_address"] == ADDRESS
    assert shown["number"].startswith("MC-")
    assert customer_client.get(f"/api/orders/{shown['id']}/").content == answer.content


def test_it_is_told_in_the_same_transaction(customer_client: APIClient) -> None:
    order_id = place(customer_client).json()["id"]
    sent = OutboxMessage.objects.get()
    assert (sent.topic, sent.key, sent.headers["ce_type"]) == ("order.events", order_id, "order.submitted.v1")


def test_an_order_that_cannot_be_told_is_not_placed(customer_client: APIClient) -> None:
    """Red when the order and its message are two transactions."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE messaging_outboxmessage RENAME TO elsewhere")
        try:
            with pytest.raises(ProgrammingError):
                place(customer_client)
        finally:
            cursor.execute("ALTER TABLE elsewhere RENAME TO messaging_outboxmessage")
    assert nothing_happened()


def test_prices_are_the_services_own(customer_client: APIClient) -> None:
    items = [{"product_id": TEA, "quantity": 1, "unit_price": "0.01", "line_total": "0.01"}]
    shown = place(
        customer_client, {**BODY, "items": items, "total": "0.01", "status": "confirmed", "customer_id": BOB}
    ).json()
    assert (shown["total"], shown["status"], shown["customer_id"]) == ("2.50", "submitted", ALICE)


def test_a_price_that_changed(customer_client: APIClient) -> None:
    assert place(customer_client, {**BODY, "expected_total": "15.00"}).status_code == 201
    answer = place(customer_client, {**BODY, "expected_total": "14.99"})
    assert (answer.status_code, slug(answer), answer.json()["total"]) == (409, "price-changed", "15.00")
    assert answer.json()["items"][0] == {
        "product_id": TEA,
        "name": "aaa",
        "quantity": 2,
        "unit_price": "2.50",
    }


def test_an_archived_product(customer_client: APIClient) -> None:
    """It is named, to people and to programs."""
    answer = place(customer_client, {**BODY, "items": [*BODY["items"], {"product_id": GONE, "quantity": 1}]})
    assert (answer.status_code, slug(answer), answer.json()["product_ids"]) == (
        409,
        "product-unavailable",
        [GONE],
    )
    assert answer.json()["products"] == [{"product_id": GONE, "name": "ccc", "reason": "archived"}]
    assert answer.json()["detail"].startswith("“ccc” is not sold any more. Take it out")
    assert GONE not in answer.json()["detail"]
    assert nothing_happened()


class TestBasket:
    """Without `items` the basket is ordered."""

    @pytest.fixture(autouse=True)
    def body(self) -> dict[str, Any]:
        return {"shipping_address": ADDRESS}

    def test_it_is_ordered(
        self, customer_client: APIClient, basket: BasketService, body: dict[str, Any]
    ) -> None:
        basket.fill(7, tea=3)
        shown = place(customer_client, body).json()
        assert [(item["product_id"], item["quantity"]) for item in shown["items"]] == [(TEA, 3)]
        assert basket.seen[0]["Authorization"].startswith("Bearer ")

    def test_empty(self, customer_client: APIClient, basket: BasketService, body: dict[str, Any]) -> None:
        answer = place(customer_client, body)
        assert (answer.status_code, slug(answer)) == (409, "basket-empty")

    @pytest.mark.parametrize(
        ("reason", "said"),
        [
            ("archived", "“Cup” is not sold any more."),
            ("other-currency", "“Cup” has its price in another currency than the rest."),
            ("unknown", "“Cup” cannot be bought right now."),
            ("of-a-newer-release", "“Cup” cannot be bought right now."),
        ],
    )
    def test_with_a_line_that_cannot_be_bought(
        self, customer_client: APIClient, basket: BasketService, body: dict[str, Any], reason: str, said: str
    ) -> None:
        """The rest is not ordered without a word. Red without `_refuse_unavailable` in `read_basket`."""
        basket.fill(7, tea=3, cup=1)
        basket.withdraw(CUP, reason)
        answer = place(customer_client, body)
        assert (answer.status_code, slug(answer), answer.json()["product_ids"]) == (
            409,
            "product-unavailable",
            [CUP],
        )
        assert answer.json()["products"] == [{"product_id": CUP, "name": "Cup", "reason": reason}]
        assert answer.json()["detail"].startswith(said)
        assert nothing_happened()
        basket.fill(8, tea=3)
        assert place(customer_client, body).status_code == 201

    def test_with_nothing_that_can_be_bought(
        self, customer_client: APIClient, basket: BasketService, body: dict[str, Any]
    ) -> None:
        """It is not empty."""
        basket.fill(7, tea=3, cup=1)
        basket.withdraw(TEA, "archived")
        basket.withdraw(CUP, "archived")
        answer = place(customer_client, body)
        assert (answer.status_code, slug(answer), answer.json()["product_ids"]) == (
            409,
            "product-unavailable",
            [TEA, CUP],
        )
        assert "Take them out" in answer.json()["detail"]

    def test_what_this_service_knows_counts_too(
        self, customer_client: APIClient, basket: BasketService, body: dict[str, Any]
    ) -> None:
        """The basket service has not heard of it yet, or is the first to hear of a product."""
        basket.fill(7, tea=3, gone=1)
        late = place(customer_client, body)
        assert (late.status_code, late.json()["products"][0]["name"]) == (409, "ccc")
        basket.fill(8, tea=3, new=1)
        early = place(customer_client, body)
        assert (early.status_code, slug(early)) == (409, "product-unavailable")
        assert early.json()["products"] == [{"product_id": UNKNOWN, "name": "New", "reason": "unknown"}]

    def test_of_a_basket_service_of_the_release_before(
        self, customer_client: APIClient, basket: BasketService, body: dict[str, Any]
    ) -> None:
        basket.fill(7, tea=3)
        basket.forget_availability()
        assert place(customer_client, body).status_code == 201

    def test_the_items_are_what_is_ordered_where_there_are_any(
        self, customer_client: APIClient, basket: BasketService
    ) -> None:
        """Whatever cannot be bought of the basket."""
        basket.fill(7, gone=1)
        basket.withdraw(GONE, "archived")
        assert place(customer_client, BODY).status_code == 201

    def test_one_version_once(
        self, customer_client: APIClient, other_client: APIClient, basket: BasketService, body: dict[str, Any]
    ) -> None:
        basket.fill(7, tea=3)
        assert place(customer_client, body, "one").status_code == 201
        answer = place(customer_client, body, "two")
        assert (answer.status_code, slug(answer)) == (409, "basket-already-ordered")
        assert place(other_client, body).status_code == 201
        basket.fill(8, tea=3)
        assert place(customer_client, body, "two").status_code == 201

    def test_the_same_key_after_the_basket_was_emptied(
        self, customer_client: APIClient, basket: BasketService, body: dict[str, Any]
    ) -> None:
        basket.fill(7, tea=3)
        first = place(customer_client, body, "one")
        basket.fill(8)
        again = place(customer_client, body, "one")
        assert (again.status_code, again.json()) == (201, first.json())

    @pytest.mark.parametrize("status", [500, 503, 404])
    def test_away(
        self, customer_client: APIClient, basket: BasketService, body: dict[str, Any], status: int
    ) -> None:
        basket.status = status
        answer = place(customer_client, body)
        assert (answer.status_code, slug(answer)) == (503, "basket-unavailable")
        assert answer["Retry-After"]

    def test_refused(self, customer_client: APIClient, settings: Settings, body: dict[str, Any]) -> None:
        settings.BASKET_URL = "http://127.0.0.1:1"
        assert place(customer_client, body).status_code == 503
        assert nothing_happened()


class TestIdempotencyKey:
    """The same key and body give the first answer again."""

    def test_again(self, customer_client: APIClient) -> None:
        first, again = place(customer_client, key="k"), place(customer_client, key="k")
        assert (again.status_code, again.content, again["Location"]) == (
            201,
            first.content,
            first["Location"],
        )
        assert Order.objects.count() == OutboxMessage.objects.count() == 1

    def test_the_first_answer_also_when_the_order_moved_on(self, customer_client: APIClient) -> None:
        first = place(customer_client, key="k").content
        order = Order.objects.get()
        order.move_to("confirmed")  # type: ignore[arg-type]
        order.save()
        assert place(customer_client, key="k").content == first

    def test_another_body(self, customer_client: APIClient) -> None:
        place(customer_client, key="k")
        answer = place(customer_client, {**BODY, "items": BODY["items"][:1]}, key="k")
        assert (answer.status_code, slug(answer)) == (422, "idempotency-key-reused")

    def test_another_customer(self, customer_client: APIClient, other_client: APIClient) -> None:
        assert place(customer_client, key="k").json()["id"] != place(other_client, key="k").json()["id"]

    @pytest.mark.parametrize("key", ["", "x" * 256, "a b", "ü"])
    def test_bad_keys(self, customer_client: APIClient, key: str) -> None:
        answer = place(customer_client, key=key)
        assert (answer.status_code, slug(answer)) == (400, "idempotency-key-invalid")
        assert nothing_happened()

    @pytest.mark.parametrize("with_basket", [False, True])
    def test_fifty_at_once(self, client_for: ClientFor, basket: BasketService, with_basket: bool) -> None:
        """Red without the constraint `order_once_per_key`."""
        basket.fill(7, tea=1)
        body = {"shipping_address": ADDRESS} if with_basket else BODY

        def one(_: int) -> tuple[int, Any]:
            with own_connection():
                answer = place(client_for(ALICE), body, "k")
                return answer.status_code, answer.json()

        with ThreadPoolExecutor(16) as threads:
            answers = list(threads.map(one, range(50)))
        assert answers == [answers[0]] * 50
        assert answers[0][0] == 201
        assert Order.objects.count() == OutboxMessage.objects.count() == 1

    def test_one_basket_many_keys_at_once(self, client_for: ClientFor, basket: BasketService) -> None:
        """Red without the constraint `order_once_per_basket_version`."""
        basket.fill(7, tea=1)

        def one(n: int) -> int:
            with own_connection():
                return int(place(client_for(ALICE), {"shipping_address": ADDRESS}, f"k{n}").status_code)

        with ThreadPoolExecutor(16) as threads:
            answers = sorted(threads.map(one, range(30)))
        assert answers == [201] + [409] * 29


BAD_QUANTITIES: list[Any] = [0, -1, 1000, 10**30, 1.5, "1", True, None, [], {}]
BAD_TOTALS: list[Any] = ["1e2", "15.001", 15.0, 15, True, "-1.00", "x", [], "9" * 40]
BAD_BODIES: list[tuple[str, Any, list[str]]] = [
    ("nothing", {}, ["shipping_address"]),
    ("no-items", {**BODY, "items": []}, ["items"]),
    ("items-text", {**BODY, "items": "x"}, ["items"]),
    ("items-object", {**BODY, "items": {"product_id": TEA}}, ["items"]),
    ("too-many", {**BODY, "items": [{"product_id": f"{n:024x}", "quantity": 1} for n in range(101)]}, ["items"]),
    ("doubled", {**BODY, "items": [{"product_id": TEA, "quantity": 1}] * 2}, ["items.0.product_id", "items.1.product_id"]),
    ("id-digits", {**BODY, "items": [{"product_id": int("1" * 24), "quantity": 1}]}, ["items.0.product_id"]),
    ("unknown", {**BODY, "items": [{"product_id": UNKNOWN, "quantity": 1}]}, ["items.0.product_id"]),
    ("id-number", {**BODY, "items": [{"product_id": 5, "quantity": 1}]}, ["items.0.product_id"]),
    ("id-operator", {**BODY, "items": [{"product_id": {"$ne": ""}, "quantity": 1}]}, ["items.0.product_id"]),
    ("id-sql", {**BODY, "items": [{"product_id": "' OR 1=1 --", "quantity": 1}]}, ["items.0.product_id"]),
    ("both", {**BODY, "items": [{"product_id": "x", "quantity": 0}]}, ["items.0.product_id", "items.0.quantity"]),
    *[
        (f"quantity-{value!r}", {**BODY, "items": [{"product_id": TEA, "quantity": value}]}, ["items.0.quantity"])
        for value in BAD_QUANTITIES
    ],
    *[
        (f"expected-{value!r}", {**BODY, "expected_total": value}, ["expected_total"])
        for value in BAD_TOTALS
    ],
    ("address-text", {**BODY, "shipping_address": "x"}, ["shipping_address"]),
    ("address-empty", {**BODY, "shipping_address": {}}, [f"shipping_address.{f}" for f in ("city", "country", "line1", "name", "postal_code")]),
    ("country", {**BODY, "shipping_address": {**ADDRESS, "country": "Germany"}}, ["shipping_address.country"]),
    ("control", {**BODY, "shipping_address": {**ADDRESS, "city": "a\nb"}}, ["shipping_address.city"]),
    ("number-as-name", {**BODY, "shipping_address": {**ADDRESS, "name": 5}}, ["shipping_address.name"]),
    ("list", [], [""]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "fields"), [bad[1:] for bad in BAD_BODIES], ids=[bad[0] for bad in BAD_BODIES]
)
def test_bad_bodies(customer_client: APIClient, body: Any, fields: list[str]) -> None:
    """All wrong fields are named at once, nothing is stored, nothing is sent."""
    answer = place(customer_client, body)
    assert answer.status_code == 400, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    assert sorted({error["field"] for error in answer.json()["errors"]}) == fields
    assert nothing_happened()


def test_optional_fields_may_be_null(customer_client: APIClient, basket: BasketService) -> None:
    """Red when null is another thing than nothing: the same key would be refused as used for another body."""
    first = place(customer_client, {**BODY, "expected_total": None}, key="k")
    assert first.status_code == 201, first.content
    address = {**ADDRESS, "line2": None}
    again = place(customer_client, {**BODY, "shipping_address": address}, key="k")
    assert (again.status_code, again.json()) == (201, first.json())
    basket.fill(7, tea=3)
    ordered = place(customer_client, {"shipping_address": ADDRESS, "items": None}).json()
    assert [(item["product_id"], item["quantity"]) for item in ordered["items"]] == [(TEA, 3)]
    refused = customer_client.post(f"/api/orders/{ordered['id']}/cancel/", {"reason": None})
    assert refused.status_code == 202, refused.content


@pytest.mark.parametrize(
    "text",
    ["", "{", "nul", '{"items": NaN}', '{"a":1,"a":2}', '"\\ud800"', '"\\u0000"', "[" * 5000, '{"a":1e999}'],
)
def test_bad_json(customer_client: APIClient, text: str) -> None:
    answer = customer_client.post("/api/orders/", text, content_type="application/json")
    assert answer.status_code == 400
    assert nothing_happened()


def test_other_content_types(customer_client: APIClient) -> None:
    assert (
        customer_client.post(
            "/api/orders/", "a=b", content_type="application/x-www-form-urlencoded"
        ).status_code
        == 415
    )


def test_total_too_large(customer_client: APIClient) -> None:
    from apps.order.models import ProductCopy

    ProductCopy.objects.filter(pk=TEA).update(price="9999999999.99")
    answer = place(customer_client)
    assert (answer.status_code, slug(answer)) == (409, "total-too-large")


@pytest.mark.parametrize("key", [None, "k"])
def test_round_trips(customer_client: APIClient, django_assert_num_queries: Any, key: str | None) -> None:
    """Products, the order with its lines and its message, the relay's wake-up: what an order costs, with a key and without.

    Red when a key is looked up before anything speaks against the order.
    """
    with django_assert_num_queries(3):
        assert place(customer_client, key=key).status_code == 201
