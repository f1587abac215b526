"""Every endpoint of the contract and whom it is for: the table that the tests of roles are made from.

Written from the contract (section 3) and not from the gateway's routes: two tables that have to agree.
"""

import json
from dataclasses import dataclass
from typing import Any, Literal

from tests.system.shopper import ADDRESS

Who = Literal["anyone", "customer", "owner", "manager"]
UNKNOWN_PRODUCT = "f" * 24
UNKNOWN_LETTER = 999_999_999

LISTS = (
    "/api/products/", "/api/categories/", "/api/stock/", "/api/orders/", "/api/sagas/", "/api/dead-letters/",
    "/api/notifications/",
)  # fmt: skip


@dataclass(frozen=True)
class Endpoint:
    """A request that changes nothing whoever sends it, and what it is answered when its sender is let in.

    In `path`, `{order}` and its like stand for what one customer, the owner, has.
    """

    who: Who
    method: str
    path: str
    service: str
    answer: int
    body: Any = None

    def body_at(self, places: dict[str, str]) -> Any:
        """The body, about what stands at `places`."""
        text = json.dumps(self.body)
        for name, place in places.items():
            text = text.replace(f"{{{name}}}", place)
        return json.loads(text)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


# fmt: off
ENDPOINTS = (
    Endpoint("anyone",   "GET",    "/api/products/",                                "product",      200),
    Endpoint("anyone",   "GET",    "/api/products/{product}/",                      "product",      200),
    Endpoint("manager",  "POST",   "/api/products/",                                "product",      400, {}),
    Endpoint("manager",  "PUT",    "/api/products/{product}/",                      "product",      400, {}),
    Endpoint("manager",  "PATCH",  "/api/products/{product}/",                      "product",      400, {"price": "-1"}),
    Endpoint("manager",  "DELETE", f"/api/products/{UNKNOWN_PRODUCT}/",             "product",      404),
    Endpoint("manager",  "PUT",    "/api/products/{product}/picture/",              "product",      415, {}),
    Endpoint("manager",  "DELETE", f"/api/products/{UNKNOWN_PRODUCT}/picture/",     "product",      404),
    Endpoint("anyone",   "GET",    "/api/categories/",                              "product",      200),
    Endpoint("anyone",   "GET",    "/api/categories/{category}/",                   "product",      200),
    Endpoint("manager",  "POST",   "/api/categories/",                              "product",      400, {}),
    Endpoint("manager",  "PUT",    "/api/categories/{category}/",                   "product",      400, {}),
    Endpoint("manager",  "PATCH",  "/api/categories/{category}/",                   "product",      400, {"name": ""}),
    Endpoint("manager",  "DELETE", f"/api/categories/{UNKNOWN_PRODUCT}/",           "product",      404),
    Endpoint("manager",  "POST",   "/api/categories/{category}/products/",          "product",      400, {}),
    Endpoint("manager",  "DELETE", "/api/categories/{category}/products/" + UNKNOWN_PRODUCT + "/", "product", 404),
    Endpoint("anyone",   "GET",    "/api/stock/",                                   "stock",        200),
    Endpoint("anyone",   "GET",    "/api/stock/{product}/",                         "stock",        200),
    Endpoint("manager",  "PUT",    "/api/stock/{product}/",                         "stock",        400, {}),
    Endpoint("manager",  "POST",   "/api/stock/{product}/adjustments/",             "stock",        400, {}),
    Endpoint("manager",  "GET",    "/api/stock/{product}/movements/",               "stock",        200),
    Endpoint("customer", "GET",    "/api/basket/",                                  "basket",       200),
    Endpoint("customer", "PUT",    "/api/basket/",                                  "basket",       400, {}),
    Endpoint("customer", "PUT",    "/api/basket/items/{product}/",                  "basket",       400, {}),
    Endpoint("customer", "DELETE", f"/api/basket/items/{UNKNOWN_PRODUCT}/",         "basket",       204),
    Endpoint("customer", "DELETE", "/api/basket/",                                  "basket",       204),
    Endpoint("customer", "GET",    "/api/orders/",                                  "order",        200),
    Endpoint("customer", "POST",   "/api/orders/",                                  "order",        400, {}),
    Endpoint("owner",    "GET",    "/api/orders/{order}/",                          "order",        200),
    Endpoint("owner",    "POST",   "/api/orders/{order}/cancel/",                   "order",        409, {}),
    Endpoint("manager",  "POST",   "/api/orders/{order}/ship/",                     "order",        409),
    Endpoint("manager",  "POST",   "/api/orders/{order}/deliver/",                  "order",        409),
    Endpoint("customer", "GET",    "/api/sagas/",                                   "saga",         200),
    Endpoint("owner",    "GET",    "/api/sagas/{saga}/",                            "saga",         200),
    Endpoint("manager",  "POST",   "/api/sagas/{saga}/retry/",                      "saga",         409),
    Endpoint("manager",  "GET",    "/api/dead-letters/",                            "saga",         200),
    Endpoint("manager",  "GET",    f"/api/dead-letters/{UNKNOWN_LETTER}/",          "saga",         404),
    Endpoint("manager",  "POST",   f"/api/dead-letters/{UNKNOWN_LETTER}/replay/",   "saga",         404),
    Endpoint("manager",  "POST",   f"/api/dead-letters/{UNKNOWN_LETTER}/discard/",  "saga",         404),
    Endpoint("customer", "GET",    "/api/notifications/",                           "notification", 200),
    Endpoint("owner",    "POST",   "/api/notifications/{notification}/read/",       "notification", 204),
)

# What the owner of a confirmed order, a manager or a customer could do to the shop: whoever is refused it changes nothing.
EFFECTIVE = (
    Endpoint("manager",  "POST",   "/api/products/",                         "product", 201, {"name": "Nobody's", "price": "1.00"}),
    Endpoint("manager",  "PATCH",  "/api/products/{product}/",               "product", 200, {"price": "0.01"}),
    Endpoint("manager",  "DELETE", "/api/products/{product}/",               "product", 204),
    Endpoint("manager",  "POST",   "/api/categories/",                       "product", 201, {"name": "Nobody's"}),
    Endpoint("manager",  "PATCH",  "/api/categories/{category}/",            "product", 200, {"name": "Nobody's"}),
    Endpoint("manager",  "DELETE", "/api/categories/{category}/",            "product", 204),
    Endpoint("manager",  "PUT",    "/api/stock/{product}/",                  "stock",   200, {"on_hand": 1000}),
    Endpoint("manager",  "POST",   "/api/stock/{product}/adjustments/",      "stock",   201, {"delta": 1, "reason": "found"}),
    Endpoint("customer", "PUT",    "/api/basket/items/{product}/",           "basket",  200, {"quantity": 1}),
    Endpoint("customer", "POST",   "/api/orders/",                           "order",   201, {"items": [{"product_id": "{product}", "quantity": 1}], "shipping_address": ADDRESS}),
    Endpoint("owner",    "POST",   "/api/orders/{confirmed}/cancel/",        "order",   202, {}),
    Endpoint("manager",  "POST",   "/api/orders/{confirmed}/ship/",          "order",   200),
    Endpoint("manager",  "POST",   "/api/dead-letters/{letter}/replay/",     "saga",    202),
    Endpoint("manager",  "POST",   "/api/dead-letters/{letter}/discard/",    "saga",    200),
)
# fmt: on
