"""Every wrong body, id and query gets its documented 4xx, changes nothing and sends no message."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from apps.stock.models import Movement, StockItem
from shared.messaging.models import OutboxMessage
from tests.stock.builders import put
from tests.stock.test_api import ADJUSTMENTS, ITEM, MOVEMENTS, STOCK, A, problem

if TYPE_CHECKING:
    from rest_framework.test import APIClient

pytestmark = pytest.mark.django_db

WRONG = [None, True, "5", 5.5, 5.0, [], [5], {}, {"$gt": 0}, "", "NaN", 10**12, -(10**12), 10**400, "\ud800"]
NOT_TEXT = [
    None,
    True,
    5,
    5.5,
    [],
    ["x"],
    {},
    {"$ne": ""},
    "",
    "   ",
    "x" * 201,
    "a\nb",
    "a\x1bb",
    "a\u202eb",
]

NO_BODIES: list[Any] = [{}, [], "x", 5, None]
BODIES: list[tuple[str, str, Any]] = [
    *(("put", ITEM, {"on_hand": value}) for value in [*WRONG, -1, 1_000_000_001]),
    *(("post", ADJUSTMENTS, {"delta": value, "reason": "x"}) for value in [*WRONG, 0]),
    *(("post", ADJUSTMENTS, {"delta": 1, "reason": value}) for value in NOT_TEXT),
    *(("put", ITEM, body) for body in NO_BODIES),
    *(("post", ADJUSTMENTS, body) for body in NO_BODIES),
    ("put", ITEM, {"onhand": 5}),
    ("post", ADJUSTMENTS, {"delta": 1}),
    ("post", ADJUSTMENTS, {"reason": "x"}),
]
BROKEN = [
    b"",
    b"{",
    b'{"on_hand": 5',
    b'{"on_hand": 5}{"on_hand": 6}',
    b'{"on_hand": 5, "on_hand": 6}',
    b'{"on_hand": NaN}',
    b'{"on_hand": Infinity}',
    b'{"on_hand": 1e999}',
    b'\xff\xfe{"on_hand": 5}',
    b'{"on_hand": "\\ud800"}',
    b'{"on_hand\\u0000": 5}',
    b"[" * 100_000,
    b'{"on_hand":' * 1000,
    b"9" * 10_000,
]
QUERIES = [
    *(
        ("product_id", value)
        for value in (
            "",
            "x",
            "0" * 23,
            "0" * 25,
            A.upper().replace("1", "F"),
            "1 OR 1=1",
            "\x00" * 24,
            "../" * 8,
        )
    ),
    *(("page", value) for value in ("0", "-1", "x", "1.5", "1" * 40, "\x00")),
]
ADDRESSES = [
    "0" * 23,
    "0" * 25,
    "F" * 24,
    "g" * 24,
    "1%20OR%201=1",
    "%00" * 24,
    "%7B%24gt%3A0%7D",
    "..%2f..%2fhealth",
]


@pytest.fixture(autouse=True)
def nothing_changes(manager_client: "APIClient") -> Iterator[None]:
    """What every test here promises."""
    put(a=10)

    def look() -> Any:
        return list(StockItem.objects.values()), Movement.objects.count(), OutboxMessage.objects.count()

    before = look()
    yield
    assert look() == before


@pytest.mark.parametrize(("verb", "address", "body"), BODIES, ids=lambda value: repr(value)[:40])
def test_a_wrong_body(manager_client: "APIClient", verb: str, address: str, body: Any) -> None:
    raw = json.dumps(body).encode()

    response = getattr(manager_client, verb)(address, raw, content_type="application/json")

    surrogate = body and isinstance(body, dict) and "\ud800" in body.values()
    document = problem(response, 400, "malformed-body" if surrogate else "validation-error")
    if not surrogate:
        assert all({"field", "code", "detail"} == error.keys() for error in document["errors"])


@pytest.mark.parametrize("raw", BROKEN, ids=lambda raw: repr(raw[:30]))
def test_a_broken_body(manager_client: "APIClient", raw: bytes) -> None:
    response = manager_client.put(ITEM, raw, content_type="application/json")

    assert response.status_code == 400
    problem(
        response,
        400,
        "validation-error" if response.json()["type"].endswith("validation-error") else "malformed-body",
    )


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
)
def test_another_content_type(manager_client: "APIClient", content_type: str) -> None:
    problem(manager_client.put(ITEM, b"on_hand=5", content_type=content_type), 415, "unsupported-media-type")


@pytest.mark.parametrize(("name", "value"), QUERIES)
def test_a_wrong_query(manager_client: "APIClient", name: str, value: str) -> None:
    response = manager_client.get(STOCK, {name: value})

    errors = problem(response, 400, "validation-error")["errors"]
    assert errors[0]["field"].split(".")[0] == name


def test_more_ids_than_one_question_may_have(manager_client: "APIClient") -> None:
    response = manager_client.get(STOCK, {"product_id": [f"{number:024x}" for number in range(101)]})

    assert problem(response, 400, "validation-error")["errors"][0]["field"] == "product_id"


@pytest.mark.parametrize("product_id", ADDRESSES)
@pytest.mark.parametrize("tail", ["", "movements/"])
def test_what_is_no_product_id_is_no_address(manager_client: "APIClient", product_id: str, tail: str) -> None:
    problem(manager_client.get(f"{STOCK}{product_id}/{tail}"), 404, "not-found")


@pytest.mark.parametrize("key", ["", "x" * 256, "two words", "schlüssel", "tab\there"])
def test_a_wrong_idempotency_key(manager_client: "APIClient", key: str) -> None:
    response = manager_client.post(ADJUSTMENTS, {"delta": 1, "reason": "x"}, HTTP_IDEMPOTENCY_KEY=key)

    problem(response, 400, "idempotency-key-invalid")


@pytest.mark.parametrize(
    ("verb", "address"),
    [("post", STOCK), ("delete", ITEM), ("patch", ITEM), ("get", ADJUSTMENTS), ("delete", MOVEMENTS)],
)
def test_a_method_that_is_not_there(manager_client: "APIClient", verb: str, address: str) -> None:
    problem(getattr(manager_client, verb)(address), 405, "method-not-allowed")


def test_read_only_fields_stay_as_they_are(manager_client: "APIClient") -> None:
    body = {"on_hand": 10, "reserved": 5, "version": 99, "available": 1, "product_id": "f" * 24}

    assert manager_client.put(ITEM, body).json() == {
        "product_id": A, "available": 10, "on_hand": 10, "reserved": 0, "version": 1
    }  # fmt: skip


def test_orm_look_ups_in_a_query_do_nothing(manager_client: "APIClient") -> None:
    response = manager_client.get(
        STOCK, {"on_hand__gt": "0", "reserved__isnull": "x", "ordering": "password"}
    )

    assert response.json()["count"] == 1
