"""Mass assignment: what only the shop may say stays as the shop says it, whatever a body brings along (promises, "Bad input").

Which fields these are comes from the OpenAPI document: those that an answer has and its request has not.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.system.conftest import NewShopper
from tests.system.described import document
from tests.system.shop import Shop
from tests.system.shopper import ADDRESS, Json, Shopper

NOBODY = "f" * 24
LINE: Json = {"product_id": "{product}", "quantity": 1}


@dataclass(frozen=True)
class Target:
    """A request that succeeds; `{product}` and its like stand for what was made for it."""

    method: str
    path: str  # as the document has it
    about: str  # whose id stands in the path
    body: Json
    by_customer: bool = False

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    def read_only(self) -> set[str]:
        """The fields of the answer that are no fields of the request."""
        operation = document()["paths"][self.path][self.method.lower()]
        answer = next(said for status, said in operation["responses"].items() if status.startswith("2"))
        return _fields(answer) - _fields(operation["requestBody"])


TARGETS = [
    Target("POST", "/api/products/", "", {"name": "A read-only piece", "price": "1.00"}),
    Target("PUT", "/api/products/{id}/", "product", {"name": "A read-only piece", "price": "1.00"}),
    Target("PATCH", "/api/products/{id}/", "product", {"price": "2.00"}),
    Target("POST", "/api/categories/", "", {"name": "A read-only shelf"}),
    Target("PUT", "/api/categories/{id}/", "category", {"name": "A read-only shelf, put"}),
    Target("PATCH", "/api/categories/{id}/", "category", {"name": "A read-only shelf, patched"}),
    Target("POST", "/api/categories/{id}/products/", "category", {"product_id": "{product}"}),
    Target("PUT", "/api/stock/{product_id}/", "product", {"on_hand": 5}),
    Target("POST", "/api/stock/{product_id}/adjustments/", "product", {"delta": 1, "reason": "found"}),
    Target("PUT", "/api/basket/", "", {"items": [LINE]}, by_customer=True),
    Target("PUT", "/api/basket/items/{product_id}/", "product", {"quantity": 2}, by_customer=True),
    Target("POST", "/api/orders/", "", {"items": [LINE], "shipping_address": ADDRESS}, by_customer=True),
    Target("POST", "/api/orders/{id}/cancel/", "order", {"reason": "too many"}, by_customer=True),
]

# What the body says, which nobody may say. A field that is missing here is a read-only field nobody has thought of.
ASSIGNED: Json = {
    "actor": "assigned",
    "available": 999_999,
    "categories": [NOBODY],
    "created_at": "2001-01-01T00:00:00Z",
    "currency": "USD",
    "customer_id": "assigned",
    "description": "assigned",
    "id": NOBODY,
    "image": "https://example.com/assigned.png",
    "is_active": False,
    "items": [],
    "kind": "assigned",
    "line_total": "0.01",
    "name": "assigned",
    "number": "assigned",
    "on_hand": 999_999,
    "order_id": "00000000-0000-4000-8000-000000000000",
    "price": "0.01",
    "product_id": NOBODY,
    "reserved": 999_999,
    "shipping_address": {**ADDRESS, "name": "assigned"},
    "slug": "assigned",
    "status": "delivered",
    "status_reason": "assigned",
    "total": "0.01",
    "unit_price": "0.01",
    "updated_at": "2001-01-01T00:00:00Z",
    "version": 999_999,
}
OF_A_LINE = ("name", "unit_price", "line_total")


@pytest.fixture(scope="module")
def customer(new_shopper: NewShopper) -> Shopper:
    return new_shopper()


@pytest.fixture(scope="module")
def places(shop: Shop, customer: Shopper) -> Iterator[dict[str, str]]:
    """What the requests are about."""
    product = shop.product(stock=100, price="10.00")
    customer.put_in_basket(product, 1)
    category = shop.category()
    yield {"product": product.id, "category": category["id"], "order": customer.place((product, 1))}
    shop.drop(category)


def test_every_body_of_the_document_is_tried() -> None:
    """Red when an operation with a body is added and not tried below."""
    with_body = {
        (method.upper(), path)
        for path, operations in document()["paths"].items()
        for method, operation in operations.items()
        if "application/json"
        in operation.get("requestBody", {}).get("content", {})  # a picture has no other fields
    }
    assert {(target.method, target.path) for target in TARGETS} == with_body


@pytest.mark.parametrize("target", TARGETS, ids=str)
def test_what_only_the_shop_may_say(
    target: Target, places: dict[str, str], manager: Shopper, customer: Shopper
) -> None:
    """The request is taken and these fields are not. Red when a serializer takes one, or a handler passes the body on."""
    caller = customer if target.by_customer else manager
    assigned = {name: ASSIGNED[name] for name in target.read_only()}
    body = {**_about(target.body, places), **assigned}
    path = target.path
    for parameter in ("{id}", "{product_id}"):
        path = path.replace(parameter, places.get(target.about, ""))
    answer = caller.send(target.method, path, json=body)
    assert answer.status_code in {200, 201, 202}, answer.text
    shown = answer.json()
    assert not [name for name, value in assigned.items() if shown[name] == value]
    for line in shown.get("items", []):
        assert not [name for name in OF_A_LINE if line.get(name) == ASSIGNED[name]]
    if path in {"/api/products/", "/api/categories/"}:
        assert manager.send("DELETE", f"{path}{shown['id']}/").status_code == 204


def _about(body: Json, places: dict[str, str]) -> Json:
    """The body about what was made for it, its lines with more than a line's fields."""
    line = {"product_id": places["product"], "quantity": 1, **{name: ASSIGNED[name] for name in OF_A_LINE}}
    filled: Json = {
        name: places["product"] if value == "{product}" else value for name, value in body.items()
    }
    return {**filled, "items": [line]} if "items" in body else filled


def _fields(said: Json) -> set[str]:
    """The names of what a request's or an answer's body has."""
    schema: Any = said["content"]["application/json"]["schema"]
    while "$ref" in schema:
        schema = document()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return set(schema["properties"])
