"""What a wrong request gets: its 4xx, naming every wrong line at once, and the basket stays as it was."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from tests.basket.shop import BASKET, CUP, HAT, PEN, UNKNOWN, archive, item_url

pytestmark = pytest.mark.usefixtures("catalogue")

WRONG_QUANTITIES = [0, -1, 1000, 10**30, 1.5, 1.0, 1e300, "1", "", None, True, [], [1], {}, {"$gt": 0}]
WRONG_IDS = [
    "",
    "x",
    PEN[:-1],
    PEN + "0",
    "F" * 24,
    PEN + "\n",
    "'; DROP TABLE",
    {"$ne": 1},
    [PEN],
    None,
    1,
    True,
    int("1" * 24),
]


def item(product_id: Any = PEN, quantity: Any = 1) -> dict[str, Any]:
    return {"product_id": product_id, "quantity": quantity}


@pytest.fixture
def filled(customer_client: APIClient) -> dict[str, Any]:
    """A basket that must not change."""
    body: dict[str, Any] = customer_client.put(item_url(CUP), {"quantity": 2}).json()
    return body


def errors_of(response: Any) -> dict[str, str]:
    """Field -> code of a validation problem."""
    assert response.status_code == 400, response.content
    assert response["Content-Type"] == "application/problem+json"
    problem = response.json()
    assert problem["type"].endswith("/problems/validation-error")
    return {error["field"]: error["code"] for error in problem["errors"]}


@pytest.mark.parametrize("quantity", WRONG_QUANTITIES, ids=repr)
def test_a_quantity_is_a_whole_number_from_1_to_999(
    customer_client: APIClient, filled: dict[str, Any], quantity: Any
) -> None:
    one = customer_client.put(item_url(CUP), {"quantity": quantity})
    whole = customer_client.put(BASKET, {"items": [item(quantity=quantity)]})

    assert [field.partition(".")[0] for field in errors_of(one)] == ["quantity"]
    assert [field[:16] for field in errors_of(whole)] == ["items.0.quantity"]
    assert customer_client.get(BASKET).json() == filled


@pytest.mark.parametrize("product_id", WRONG_IDS, ids=repr)
def test_a_product_id_is_24_hexadecimal_characters(
    customer_client: APIClient, filled: dict[str, Any], product_id: Any
) -> None:
    response = customer_client.put(BASKET, {"items": [item(product_id)]})

    (code,) = errors_of(response).values()
    assert list(errors_of(response)) == ["items.0.product_id"]
    assert code in {"invalid", "blank", "null"}
    assert customer_client.get(BASKET).json() == filled


@pytest.mark.parametrize(
    "path", ["x", PEN[:-1], PEN + "0", "F" * 24, PEN + "%0A", "%27--", "..%2f" + PEN, "$ne"]
)
def test_a_path_that_names_no_product_id_leads_nowhere(
    customer_client: APIClient, filled: dict[str, Any], path: str
) -> None:
    for response in (
        customer_client.put(f"/api/basket/items/{path}/", {"quantity": 1}),
        customer_client.delete(f"/api/basket/items/{path}/"),
    ):
        assert response.status_code == 404
        assert response["Content-Type"] == "application/problem+json"
    assert customer_client.get(BASKET).json() == filled


@pytest.mark.parametrize(
    "body",
    [
        [],
        "items",
        1,
        None,
        True,
        {},
        {"items": None},
        {"items": {}},
        {"items": "x"},
        {"items": [1, None, "x", []]},
        {"item": []},
    ],
    ids=repr,
)
def test_a_body_of_another_shape_is_refused(
    customer_client: APIClient, filled: dict[str, Any], body: Any
) -> None:
    assert errors_of(customer_client.put(BASKET, body))
    assert errors_of(customer_client.put(item_url(PEN), body))
    assert customer_client.get(BASKET).json() == filled


def test_every_wrong_line_is_named_at_once(customer_client: APIClient, filled: dict[str, Any]) -> None:
    archive(HAT)
    lines = [
        item(),
        item(UNKNOWN),
        item(HAT),
        item(CUP, 0),
        item("x", "y"),
        item(UNKNOWN[:-1] + "e", 5),
        item(PEN, 2),
        {},
    ]

    assert errors_of(customer_client.put(BASKET, {"items": lines})) == {
        "items.0.product_id": "duplicate",
        "items.1.product_id": "does_not_exist",
        "items.2.product_id": "does_not_exist",
        "items.3.quantity": "min_value",
        "items.4.product_id": "invalid",
        "items.4.quantity": "invalid",
        "items.5.product_id": "does_not_exist",
        "items.6.product_id": "duplicate",
        "items.7.product_id": "required",
        "items.7.quantity": "required",
    }
    assert customer_client.get(BASKET).json() == filled


def test_a_basket_of_101_lines_is_refused(customer_client: APIClient, filled: dict[str, Any]) -> None:
    lines = [item(f"{number:024x}") for number in range(101)]

    assert errors_of(customer_client.put(BASKET, {"items": lines})) == {"items": "max_length"}
    assert customer_client.get(BASKET).json() == filled


def test_fields_that_are_not_the_clients_are_ignored(
    customer_client: APIClient, filled: dict[str, Any]
) -> None:
    mine = {"unit_price": "0.01", "name": "Mine", "line_total": "0.01", "available": False}
    line = {**item(), **mine, "unavailable_reason": "archived"}

    body = customer_client.put(
        BASKET, {"items": [line], "total": "0.01", "version": 1, "currency": "USD"}
    ).json()

    assert body["items"] == [
        {
            "product_id": PEN,
            "name": "Pen",
            "unit_price": "1.20",
            "quantity": 1,
            "line_total": "1.20",
            "available": True,
        }
    ]
    assert (body["total"], body["currency"]) == ("1.20", "EUR")
    assert body["version"] > filled["version"]


@pytest.mark.parametrize(
    "raw",
    [
        b"{",
        b"\xff",
        b'{"quantity": NaN}',
        b'{"quantity": 1, "quantity": 2}',
        b'{"quantity": 1e999}',
        b"[" * 5000,
    ],
)
def test_a_body_that_is_not_json_is_malformed(
    customer_client: APIClient, filled: dict[str, Any], raw: bytes
) -> None:
    for url in (BASKET, item_url(PEN)):
        response = customer_client.put(url, raw, content_type="application/json")
        assert response.status_code == 400
        assert response.json()["type"].endswith("/problems/malformed-body")
    assert customer_client.get(BASKET).json() == filled


def test_another_content_type_is_415(customer_client: APIClient, filled: dict[str, Any]) -> None:
    for content_type in (
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
    ):
        assert customer_client.put(item_url(PEN), b"quantity=1", content_type=content_type).status_code == 415
    assert customer_client.get(BASKET).json() == filled
