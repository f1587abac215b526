"""Whatever comes in wrong gets a 4xx that names every mistake, changes nothing and tells nobody."""

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.product.commands import outbox

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rest_framework.test import APIClient

    from apps.product.models import Product
    from tests.product.conftest import MakeProduct

NOTHING = "0" * 24
GOOD = {"name": "Mug", "price": "1.00"}
TYPES: list[Any] = [None, True, 7, 7.5, "", [], {}, ["x"], {"$gt": ""}]
OPTIONAL_TYPES = TYPES[1:]  # null is as good as nothing there
TEXTS = ["\u0007bell", "line\nbreak", "\u202eoverride", "x" * 201]
SLUGS = ["A", "a b", "a--b", "-a", "a_", "ä", "a/b", "$a", "a.b", "x" * 201]
PRICES = [
    *(
        "1.999",
        "1e3",
        "NaN",
        "Infinity",
        "-0.01",
        "-1",
        "12345678901.00",
        "1,5",
        "€5",
        " 5 0",
        "0x10",
        "５",
        "9" * 5000,
    ),
    *(1e400, -1, 10**30, 1.1, {"$numberDecimal": "1"}),
]
CURRENCIES = ["eur", "EURO", "XXX", "ABC", "E R", "€"]
REFERENCES = [
    *(["x"], [7], [None], [NOTHING], [NOTHING.replace("0", "A")], [{"$oid": NOTHING}], [{"id": 1}], [[]]),
    *("x", {"0": NOTHING}, [NOTHING] * 21),
]
IMAGES = [
    *("http://example.com/x.jpg", "ftp://example.com/x", "javascript:alert(1)", "data:image/png;base64,xx", "//example.com/x.jpg"),
    *("https://localhost/x", "https://LOCALHOST/x", "https://127.0.0.1/x", "https://127.1/x", "https://2130706433/x", "https://0x7f.0.0.1/x"),
    *("https://[::1]/x", "https://[::ffff:10.0.0.1]/x", "https://169.254.169.254/latest", "https://10.0.0.1/x", "https://8.8.8.8/x"),
    *("https://metadata.google.internal/x", "https://db.local/x", "https://keycloak/x", "https://a.svc.cluster.local/x"),
    *("https://127.0.0.1.nip.io/x", "https://localtest.me/x", "https://example.com:8080/x", "https://u:p@example.com/x"),
    *("https://example.com@127.0.0.1/x", "https://example.com\\@127.0.0.1/x", "https://exa mple.com/x", "https:///x", "https://"),
    *("https://１２７.0.0.1/x", "https://example.com/\u0007", "https://-a.com/x", "https://" + "a" * 2000 + ".com/", "https://[/x"),
    *("/media/../api/", "/media/%2e%2e/x.svg", "/api/products/", "/media/x.exe", "/media//x.svg", "media/x.svg"),
    *("http://localhost:8000/api/x.svg", "http://localhost:8001/media/x.svg", "http://localhost:8000.evil.com/media/x.svg"),
]  # fmt: skip

PRODUCT_BODIES = [
    *[("name", value) for value in [*TYPES, *TEXTS]],
    *[("slug", value) for value in [*OPTIONAL_TYPES, *TEXTS, *SLUGS]],
    *[
        ("description", value)
        for value in [*(v for v in OPTIONAL_TYPES if v != ""), "\u0007bell", "x" * 10_001]
    ],
    *[("price", value) for value in [*TYPES, *PRICES]],
    *[("currency", value) for value in [*OPTIONAL_TYPES, *CURRENCIES]],
    *[("categories", value) for value in [*(v for v in OPTIONAL_TYPES if v != []), *REFERENCES]],
    *[("image", value) for value in [*(v for v in OPTIONAL_TYPES if v != ""), *IMAGES]],
    *[("is_active", value) for value in [*(v for v in OPTIONAL_TYPES if v is not True), "true", "yes", 0, 1]],
]
RAW_BODIES = [
    *(b"", b"{", b"[]", b"null", b"7", b'"x"', b'{"name":"a","name":"b"}', b'{"name":"\\u0000","price":"1"}', b'{"price":NaN}'),
    *(b'{"name":"\\ud800","price":"1"}', b"\xff\xfe", b"[" * 5000, b'{"a":' * 5000, b'{"price":1e999}', b'{"price":' + b"9" * 9999 + b"}"),
]  # fmt: skip
QUERIES = [
    *("page=0", "page=-1", "page=x", "page=1.5", "page=last", "page=" + "9" * 5000, "page=1e3", "page[$gt]=1&page=x", "page=%00"),
    *("page_size=0", "page_size=-5", "page_size=x", "page_size=" + "9" * 30, "page_size=%00"),
    *("ordering=id", "ordering=-", "ordering=name,price", "ordering=--name", "ordering=words", "ordering=$natural", "ordering=name%00"),
    *("min_price=x", "min_price=-1", "min_price=1.234", "max_price=NaN", "max_price=1e5", "max_price=" + "9" * 40, "min_price=$gt"),
    *("search=%00", "search=" + "x" * 201, "search=%07", "category=$ne", "category=A b", "category=a.b", "category=%00"),
]  # fmt: skip
IGNORED_QUERIES = [
    "name__startswith=M",
    "price__gt=1",
    "$where=sleep(9999)",
    "pk=1",
    "price[$gt]=0",
    "category[]=x",
    "_id=1",
]


@pytest.fixture
def mug(make_product: "MakeProduct") -> "Iterator[Product]":
    """A product that stays as it is, whatever the test sends."""
    from apps.product.models import Category, Product

    product = make_product()
    before = Product.objects.values().get()
    yield product
    assert Product.objects.values().get() == before
    assert (Product.objects.count(), Category.objects.count(), len(outbox())) == (1, 0, 1)


def refused(response: Any) -> list[str]:
    assert response.status_code == 400, response.content
    assert response["Content-Type"] == "application/problem+json"
    problem = response.json()
    assert {"type", "title", "status", "detail", "instance", "trace_id"} <= problem.keys()
    return [error["field"].split(".")[0] for error in problem.get("errors", [])]


@pytest.mark.parametrize(("field", "value"), PRODUCT_BODIES, ids=lambda value: repr(value)[:40])
def test_a_wrong_field_of_a_product(
    manager_client: "APIClient", mug: "Product", field: str, value: Any
) -> None:
    body = json.dumps({**GOOD, field: value})
    sent: Any = {"data": body, "content_type": "application/json"}
    for response in (
        manager_client.post("/api/products/", **sent),
        manager_client.put(f"/api/products/{mug.pk}/", **sent),
        manager_client.patch(
            f"/api/products/{mug.pk}/", data=json.dumps({field: value}), content_type="application/json"
        ),
    ):
        assert set(refused(response)) <= {field}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *[("name", value) for value in [*TYPES, *TEXTS]],
        *[("slug", value) for value in [*OPTIONAL_TYPES, *SLUGS]],
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_wrong_field_of_a_category(
    manager_client: "APIClient", mug: "Product", field: str, value: Any
) -> None:
    assert refused(manager_client.post("/api/categories/", {"name": "Kitchen", field: value})) == [field]


@pytest.mark.parametrize("value", [*TYPES, NOTHING, NOTHING[1:], NOTHING.replace("0", "A"), "$ne"], ids=repr)
def test_a_wrong_product_for_a_category(
    manager_client: "APIClient", make_product: "MakeProduct", make_category: Any, value: Any
) -> None:
    response = manager_client.post(f"/api/categories/{make_category().pk}/products/", {"product_id": value})
    assert refused(response) == ["product_id"]


@pytest.mark.parametrize("body", RAW_BODIES, ids=lambda body: repr(body[:24]))
@pytest.mark.parametrize("method", ["post", "put", "patch"])
def test_a_body_that_is_no_object(
    manager_client: "APIClient", mug: "Product", method: str, body: bytes
) -> None:
    if method == "patch" and not body:
        body = b"7"  # nothing at all is a patch that changes nothing
    address = "/api/products/" if method == "post" else f"/api/products/{mug.pk}/"
    response = getattr(manager_client, method)(address, data=body, content_type="application/json")
    refused(response)


def test_a_category_that_is_not_there_is_named_at_its_place(
    manager_client: "APIClient", make_category: Any
) -> None:
    """As every wrong item of a list is. Red when the field is the whole list."""
    body = {**GOOD, "categories": [str(make_category().pk), NOTHING]}
    (error,) = manager_client.post("/api/products/", body).json()["errors"]
    assert (error["field"], error["code"]) == ("categories.1", "does_not_exist")


@pytest.mark.parametrize("price", [1, 1.5])
def test_a_price_as_a_number_is_told_to_be_a_string(
    manager_client: "APIClient", mug: "Product", price: float
) -> None:
    (error,) = manager_client.post("/api/products/", {**GOOD, "price": price}).json()["errors"]
    assert (error["field"], error["code"]) == ("price", "number")
    assert "send it as a string" in error["detail"]


def test_every_mistake_is_named_at_once(manager_client: "APIClient", mug: "Product") -> None:
    body = {"name": "", "slug": "mug", "price": "1.234", "currency": "EURO", "categories": [NOTHING], "image": "x", "is_active": 1,
            "description": 7}  # fmt: skip
    assert sorted(refused(manager_client.post("/api/products/", body))) == sorted(body)
    assert sorted(refused(manager_client.post("/api/products/", {}))) == ["name", "price"]


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/xml", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"],
)
def test_only_json_is_taken(manager_client: "APIClient", mug: "Product", content_type: str) -> None:
    response = manager_client.post("/api/products/", data=b"name=Mug&price=1", content_type=content_type)
    assert response.status_code == 415


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query[:30])
def test_a_wrong_query(anonymous_client: "APIClient", mug: "Product", query: str) -> None:
    assert refused(anonymous_client.get(f"/api/products/?{query}")) == [
        query.split("=", maxsplit=1)[0].split("[", maxsplit=1)[0]
    ]


def test_every_mistake_of_a_query_is_named_at_once(anonymous_client: "APIClient", mug: "Product") -> None:
    fields = refused(
        anonymous_client.get("/api/products/?page=x&page_size=0&ordering=y&min_price=z&category=$")
    )
    assert sorted(fields) == ["category", "min_price", "ordering", "page", "page_size"]
    assert refused(anonymous_client.get("/api/categories/?page=0")) == ["page"]


@pytest.mark.parametrize("query", IGNORED_QUERIES)
def test_a_query_that_nobody_reads_reaches_no_store(
    anonymous_client: "APIClient", mug: "Product", query: str
) -> None:
    assert anonymous_client.get(f"/api/products/?{query}").json()["count"] == 1


def test_a_method_that_is_not_there(manager_client: "APIClient", mug: "Product") -> None:
    for method, address in (
        ("put", "/api/products/"),
        ("delete", "/api/categories/"),
        ("post", f"/api/products/{mug.pk}/"),
    ):
        response = getattr(manager_client, method)(address, {})
        assert response.status_code == 405
        assert response.json()["type"].endswith("/problems/method-not-allowed")


def test_a_line_break_counts_once(manager_client: "APIClient") -> None:
    """Browsers send two characters for it, and let people type as many as if it were one. Red where both count."""
    body = {"name": "Mug", "price": "1.00", "description": "a" + "\r\n" * 5_000 + "b" * 4_999}
    answer = manager_client.post("/api/products/", body)
    assert answer.status_code == 201
    assert answer.json()["description"] == "a" + "\n" * 5_000 + "b" * 4_999
    body["description"] += "b"
    assert manager_client.post("/api/products/", body).status_code == 400
