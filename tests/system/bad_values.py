"""Wrong values of every kind, and the good bodies that they are put into, field by field."""

import copy
from dataclasses import dataclass
from typing import Any

from tests.system.shopper import ADDRESS

Json = dict[str, Any]
UNKNOWN_PRODUCT = "f" * 24

NO_TEXTS: list[Any] = [None, 1, True, [], {}, ["a"]]
NO_LINES = [*NO_TEXTS, "", "   ", "with\u0007bell", "on two\nlines", "turned\u202eround"]
NO_INTEGERS: list[Any] = [None, "2", "", 1.5, True, [], {}, 10**30, -(10**30)]
NO_QUANTITIES = [*NO_INTEGERS, 0, -1, 1000]
NO_MONEY = [
    "",
    "abc",
    "-1.00",
    "1.001",
    "1e2",
    "NaN",
    "Infinity",
    "1,00",
    "0x10",
    "9" * 11,
    1,
    1.5,
    True,
    [],
    {},
]
NO_IDS: list[Any] = [
    None, 1, "", "x", "f" * 23, "f" * 25, "F" * 24, "0" * 23 + "g", {"$gt": ""}, {"$ne": None}, [],
    "../../etc/passwd", "' OR 1=1 --", UNKNOWN_PRODUCT,
]  # fmt: skip
NO_LISTS: list[Any] = [None, "text", 1, {"0": {}}, [None], ["text"], [1], [[]]]
NO_FLAGS: list[Any] = [None, "yes", "true", 1, 0, [], {}]
INWARD = [
    "javascript:alert(1)",
    "data:image/svg+xml,<svg/>",
    "file:///etc/passwd",
    "http://example.com/a.png",
    "https://127.0.0.1/a.png",
    "https://169.254.169.254/latest/meta-data",
    "https://[::1]/a.png",
    "https://localhost/a.png",
    "https://0x7f000001/a.png",
    "https://user@example.com@10.0.0.1/a.png",
    "//example.com/a.png",
    "/media/../settings.py",
]


@dataclass(frozen=True)
class Wrong:
    """A request whose body is good but for one field."""

    method: str
    path: str
    good: Json
    field: str  # as `errors` names it: `items.0.quantity`
    value: Any

    @property
    def body(self) -> Json:
        """The good body with the wrong value in its place."""
        body = copy.deepcopy(self.good)
        place: Any = body
        *way, last = [int(name) if name.isdigit() else name for name in self.field.split(".")]
        for name in way:
            place = place[name]
        place[last] = self.value
        return body

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.field}={self.value!r}"[:80]


def _each(method: str, path: str, good: Json, wrong: dict[str, list[Any]]) -> list[Wrong]:
    return [Wrong(method, path, good, field, value) for field, values in wrong.items() for value in values]


# `{product}` stands for a product there is; see `filled_in`.
LINE: Json = {"product_id": "{product}", "quantity": 1}
ORDER: Json = {"shipping_address": dict(ADDRESS), "items": [LINE], "expected_total": "10.00"}
PRODUCT: Json = {"name": "A test piece", "price": "1.00"}

CUSTOMERS = [
    *_each("POST", "/api/orders/", ORDER, {
        "shipping_address": [None, "text", 1, []],
        **{f"shipping_address.{name}": [*NO_LINES, "x" * 201] for name in ("name", "line1", "city", "postal_code")},
        "shipping_address.line2": [1, True, [], {}, "x" * 201, "with\u0007bell"],
        "shipping_address.country": [*NO_TEXTS, "", "de", "DEU", "Germany", "D1"],
        "items": [*NO_LISTS[1:], [], [LINE] * 2, [LINE] * 101],  # what is optional takes null
        "items.0.product_id": NO_IDS,
        "items.0.quantity": NO_QUANTITIES,
        "expected_total": NO_MONEY,
    }),
    *_each("PUT", "/api/basket/", {"items": [LINE]}, {
        "items": [*NO_LISTS, [LINE] * 2, [LINE] * 101],
        "items.0.product_id": NO_IDS,
        "items.0.quantity": NO_QUANTITIES,
    }),
    *_each("PUT", "/api/basket/items/{product}/", {"quantity": 1}, {"quantity": NO_QUANTITIES}),
    *_each("POST", "/api/orders/{order}/cancel/", {"reason": "x"}, {"reason": [1, [], {}, "x" * 501, "with\u0007bell"]}),
]  # fmt: skip
MANAGERS = [
    *_each("PUT", "/api/stock/{product}/", {"on_hand": 1}, {"on_hand": [*NO_INTEGERS, -1]}),
    *_each("POST", "/api/stock/{product}/adjustments/", {"delta": 1, "reason": "found"}, {
        "delta": [*NO_INTEGERS, 0],
        "reason": [*NO_LINES, "x" * 201],
    }),
    *_each("POST", "/api/products/", PRODUCT, {
        "name": [*NO_LINES, "x" * 201],
        "price": [None, *NO_MONEY],
        "currency": [*NO_TEXTS[1:], "", "eur", "XXX", "EURO"],
        "slug": [*NO_TEXTS[1:], "", "Upper", "two words", "a--b", "../x"],
        "description": [1, [], {}, "x" * 10_001, "with\u0007bell"],
        "categories": [1, {}, [None], ["x"], [UNKNOWN_PRODUCT], [{"$ne": None}]],
        "image": [1, [], {}, *INWARD],
        "is_active": NO_FLAGS[1:],
    }),
    *_each("PATCH", "/api/products/{product}/", {}, {"price": NO_MONEY[:4], "name": NO_LINES[:2], "is_active": NO_FLAGS[1:3]}),
    *_each("POST", "/api/categories/", {"name": "A test category"}, {"name": [*NO_LINES, "x" * 201], "slug": ["", "A B", 1]}),
    *_each("POST", "/api/categories/{category}/products/", {"product_id": ""}, {"product_id": NO_IDS}),
]  # fmt: skip

BROKEN = {
    "nothing": (b"", 400),
    "not JSON": (b"{", 400),
    "an array": (b"[]", 400),
    "a text": (b'"text"', 400),
    "a number": (b"1", 400),
    "null": (b"null", 400),
    "NaN": (b'{"quantity": NaN}', 400),
    "a number beyond floats": (b'{"quantity": 1e999}', 400),
    "not UTF-8": (b'{"name": "\xff"}', 400),
    "UTF-16": ('{"name": "x"}'.encode("utf-16"), 400),
    "half a surrogate": (b'{"name": "\\ud800"}', 400),
    "NUL": (b'{"name": "\\u0000"}', 400),
    "a doubled name": (b'{"name": "a", "name": "b"}', 400),
    "deep nesting": (b"[" * 100_000, 400),
    "two megabytes": (b'{"name": "' + b"x" * 2 * 1024 * 1024 + b'"}', 413),
}
WITH_BODIES = [
    ("POST", "/api/orders/"),
    ("PUT", "/api/basket/"),
    ("PUT", "/api/basket/items/{product}/"),
    ("PUT", "/api/stock/{product}/"),
    ("POST", "/api/stock/{product}/adjustments/"),
    ("POST", "/api/products/"),
    ("PUT", "/api/products/{product}/"),
    ("POST", "/api/categories/"),
    ("POST", "/api/categories/{category}/products/"),
]


def filled_in(template: Any, places: dict[str, str]) -> Any:
    """`template` with `{product}` and its like replaced, however deep they stand."""
    if isinstance(template, dict):
        return {name: filled_in(value, places) for name, value in template.items()}
    if isinstance(template, list):
        return [filled_in(value, places) for value in template]
    if isinstance(template, str) and template.startswith("{") and template[1:-1] in places:
        return places[template[1:-1]]
    return template
