"""A customer fills, changes and empties a basket."""

import pytest
from rest_framework.test import APIClient

from tests.accept import BROWSER
from tests.basket.shop import BASKET, CUP, HAT, PEN, UNKNOWN, archive, item_url, offer, quantities

pytestmark = pytest.mark.usefixtures("catalogue")


def test_a_basket_that_was_never_touched_is_empty(customer_client: APIClient) -> None:
    response = customer_client.get(BASKET)

    assert response.status_code == 200
    assert response.json() == {"items": [], "total": "0.00", "currency": "EUR", "version": 0}
    assert response["ETag"].startswith('"0-')


def test_a_line_has_todays_name_and_price(customer_client: APIClient) -> None:
    response = customer_client.put(item_url(CUP), {"quantity": 3})

    assert response.status_code == 200
    body = response.json()
    assert body["items"] == [
        {
            "product_id": CUP,
            "name": "Cup",
            "unit_price": "8.50",
            "quantity": 3,
            "line_total": "25.50",
            "available": True,
        }
    ]
    assert (body["total"], body["currency"]) == ("25.50", "EUR")
    again = customer_client.get(BASKET)
    assert (again.json(), again["ETag"]) == (body, response["ETag"])


def test_setting_a_line_again_replaces_its_quantity(customer_client: APIClient) -> None:
    customer_client.put(item_url(CUP), {"quantity": 3})

    body = customer_client.put(item_url(CUP), {"quantity": 999}).json()

    assert quantities(body) == {CUP: 999}


def test_lines_stay_in_the_order_they_were_put_in(customer_client: APIClient) -> None:
    for product in (HAT, PEN, CUP, HAT):
        body = customer_client.put(item_url(product), {"quantity": 1}).json()

    assert [item["product_id"] for item in body["items"]] == [HAT, PEN, CUP]
    assert body["total"] == "34.70"


def test_replacing_the_whole_basket(customer_client: APIClient) -> None:
    customer_client.put(item_url(PEN), {"quantity": 1})
    lines = [{"product_id": HAT, "quantity": 2}, {"product_id": CUP, "quantity": 1}]

    response = customer_client.put(BASKET, {"items": lines})

    assert response.status_code == 200
    assert list(quantities(response.json()).items()) == [(HAT, 2), (CUP, 1)]
    assert customer_client.get(BASKET).json() == response.json()


def test_replacing_by_nothing_empties(customer_client: APIClient) -> None:
    customer_client.put(item_url(PEN), {"quantity": 1})

    assert customer_client.put(BASKET, {"items": []}).json()["items"] == []


def test_a_basket_takes_a_hundred_lines_and_no_more(customer_client: APIClient) -> None:
    products = [f"{number:024x}" for number in range(1000, 1101)]
    for product in products:
        offer(product, "Thing", "1.00")
    lines = [{"product_id": product, "quantity": 1} for product in products]

    assert customer_client.put(BASKET, {"items": lines[:100]}).status_code == 200
    full = customer_client.put(item_url(products[100]), {"quantity": 1})
    assert (full.status_code, full.json()["type"].rpartition("/")[2]) == (409, "basket-full")
    assert customer_client.put(item_url(products[99]), {"quantity": 5}).status_code == 200
    archive(products[0])  # which does not vanish to make room
    assert customer_client.put(item_url(products[100]), {"quantity": 1}).status_code == 409
    assert customer_client.delete(item_url(products[0])).status_code == 204
    assert customer_client.put(item_url(products[100]), {"quantity": 1}).status_code == 200


def test_taking_a_line_out_is_safe_to_repeat(customer_client: APIClient) -> None:
    customer_client.put(item_url(PEN), {"quantity": 1})
    customer_client.put(item_url(CUP), {"quantity": 1})

    assert [customer_client.delete(item_url(PEN)).status_code for _ in range(2)] == [204, 204]

    assert quantities(customer_client.get(BASKET).json()) == {CUP: 1}
    assert customer_client.delete(item_url(UNKNOWN)).status_code == 204


def test_emptying_is_safe_to_repeat(customer_client: APIClient) -> None:
    customer_client.put(item_url(PEN), {"quantity": 1})

    first = customer_client.delete(BASKET)
    after_first = customer_client.get(BASKET).json()
    second = customer_client.delete(BASKET)

    assert (first.status_code, second.status_code, first.content) == (204, 204, b"")
    assert after_first["items"] == []
    assert customer_client.get(BASKET).json() == after_first


@pytest.mark.parametrize("product", [UNKNOWN, HAT])
def test_a_product_that_is_not_sold_cannot_be_put_in(customer_client: APIClient, product: str) -> None:
    archive(HAT)

    response = customer_client.put(item_url(product), {"quantity": 1})

    assert response.status_code == 404
    assert response["Content-Type"] == "application/problem+json"
    assert response.json()["type"].endswith("/problems/product-not-found")
    assert customer_client.get(BASKET).json()["version"] == 0


def test_a_new_price_shows_at_once(customer_client: APIClient) -> None:
    customer_client.put(item_url(PEN), {"quantity": 10})

    offer(PEN, "Golden pen", "99.99", version=2)

    line = customer_client.get(BASKET).json()["items"][0]
    assert (line["name"], line["unit_price"], line["line_total"]) == ("Golden pen", "99.99", "999.90")


def test_the_largest_basket_has_a_total(customer_client: APIClient) -> None:
    offer(HAT, "Crown", "9999999999.99", version=2)

    body = customer_client.put(item_url(HAT), {"quantity": 999}).json()

    assert body["total"] == body["items"][0]["line_total"] == "9989999999990.01"


def test_one_basket_has_one_currency(customer_client: APIClient) -> None:
    offer(HAT, "Hat", "25.00", version=2, currency="USD")
    customer_client.put(item_url(PEN), {"quantity": 1})
    both = [{"product_id": PEN, "quantity": 1}, {"product_id": HAT, "quantity": 1}]

    answers = [
        customer_client.put(item_url(HAT), {"quantity": 1}),
        customer_client.put(BASKET, {"items": both}),
    ]

    assert [(answer.status_code, answer.json()["type"].rpartition("/")[2]) for answer in answers] == [
        (409, "mixed-currencies")
    ] * 2
    assert quantities(customer_client.get(BASKET).json()) == {PEN: 1}
    assert customer_client.put(BASKET, {"items": both[1:]}).json()["currency"] == "USD"
    assert customer_client.put(item_url(HAT), {"quantity": 2}).status_code == 200


def test_the_browsable_api_shows_the_basket(customer_client: APIClient) -> None:
    customer_client.put(item_url(PEN), {"quantity": 1})

    response = customer_client.get(BASKET, HTTP_ACCEPT=BROWSER)

    assert response.status_code == 200
    assert b"Pen" in response.content
