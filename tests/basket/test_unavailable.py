"""A line that cannot be bought any more stays, says so, and does not count (ADR 0012)."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from apps.basket import operations, queries
from shared.testing.tokens import ALICE
from tests.basket.shop import (
    BASKET,
    CUP,
    HAT,
    PEN,
    UNKNOWN,
    archive,
    item_url,
    offer,
    ordered,
    quantities,
    take_out,
)

pytestmark = pytest.mark.usefixtures("catalogue")


@pytest.fixture(autouse=True)
def _full(catalogue: None) -> None:
    operations.replace(ALICE, [(PEN, 1), (HAT, 2)])


def reasons(basket: dict[str, Any]) -> dict[str, str]:
    """Product -> why it cannot be bought, or "" where it can."""
    assert all(item["available"] == ("unavailable_reason" not in item) for item in basket["items"])
    return {item["product_id"]: item.get("unavailable_reason", "") for item in basket["items"]}


def slug(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].rpartition("/")[2]


def lines(**more: int) -> dict[str, Any]:
    """The body of PUT with a pen, two hats, and what comes besides."""
    known = {"pen": PEN, "hat": HAT, "cup": CUP, "unknown": UNKNOWN}
    wanted = {"pen": 1, "hat": 2, **more}
    return {"items": [{"product_id": known[name], "quantity": n} for name, n in wanted.items() if n]}


def test_an_archived_product(customer_client: APIClient) -> None:
    """Red when the line is left out, or counts in the total."""
    archive(HAT, version=2)
    basket = customer_client.get(BASKET).json()
    assert basket["items"][1] == {
        "product_id": HAT,
        "name": "Gone",
        "unit_price": "1.00",
        "quantity": 2,
        "line_total": "2.00",
        "available": False,
        "unavailable_reason": "archived",
    }
    assert (reasons(basket), basket["total"]) == ({PEN: "", HAT: "archived"}, "1.20")
    offer(HAT, "Hat", "20.00", version=3)
    again = customer_client.get(BASKET).json()
    assert (reasons(again), again["total"]) == ({PEN: "", HAT: ""}, "41.20")


def test_another_currency(customer_client: APIClient) -> None:
    offer(HAT, "Hat", "25.00", version=2, currency="USD")
    basket = customer_client.get(BASKET).json()
    assert (reasons(basket), basket["total"], basket["currency"]) == (
        {PEN: "", HAT: "other-currency"},
        "1.20",
        "EUR",
    )
    assert slug(customer_client.put(item_url(HAT), {"quantity": 2})) == (409, "mixed-currencies")
    assert customer_client.put(item_url(PEN), {"quantity": 2}).json()["total"] == "2.40"
    customer_client.delete(item_url(PEN))
    alone = customer_client.get(BASKET).json()
    assert (reasons(alone), alone["total"], alone["currency"]) == ({HAT: ""}, "50.00", "USD")


def test_a_product_that_the_whole_catalogue_does_not_have(customer_client: APIClient, redis: Any) -> None:
    redis.hdel("catalogue", HAT)
    basket = customer_client.get(BASKET).json()
    assert (reasons(basket), basket["total"]) == ({PEN: "", HAT: "unknown"}, "1.20")
    assert basket["items"][1]["name"]


def test_nothing_that_can_be_bought(customer_client: APIClient) -> None:
    offer(PEN, "Pen", "1.20", version=2, currency="USD")
    offer(HAT, "Hat", "1.20", version=2, currency="USD")
    for product in (PEN, HAT):
        archive(product, version=3)
    basket = customer_client.get(BASKET).json()
    assert (reasons(basket), basket["total"]) == ({PEN: "archived", HAT: "archived"}, "0.00")
    assert basket["currency"] == "EUR"  # what the archived products say


def test_it_cannot_be_set_but_taken_out(customer_client: APIClient) -> None:
    archive(HAT)
    assert slug(customer_client.put(item_url(HAT), {"quantity": 1})) == (404, "product-not-found")
    assert customer_client.delete(item_url(HAT)).status_code == 204
    assert quantities(customer_client.get(BASKET).json()) == {PEN: 1}


def test_putting_the_whole_again_keeps_it(customer_client: APIClient) -> None:
    """What was read can be sent with another line changed. Red without `may_hold`."""
    archive(HAT)
    body = customer_client.put(BASKET, lines(cup=3)).json()
    assert (reasons(body), body["total"]) == ({PEN: "", HAT: "archived", CUP: ""}, "26.70")
    assert quantities(customer_client.put(BASKET, lines(hat=0)).json()) == {PEN: 1}
    refused = customer_client.put(BASKET, lines())  # now it is not there any more
    assert slug(refused) == (400, "validation-error")
    assert refused.json()["errors"][0]["field"] == "items.1.product_id"


def test_putting_the_whole_again_keeps_another_currency(customer_client: APIClient) -> None:
    """Red when the whole is refused for a line that was shown, or when its place makes it the basket's currency."""
    offer(HAT, "Hat", "25.00", version=2, currency="USD")
    offer(CUP, "Cup", "9.00", version=2, currency="USD")
    body = customer_client.put(BASKET, lines(pen=5)).json()
    assert (reasons(body), body["total"]) == ({PEN: "", HAT: "other-currency"}, "6.00")
    for mixed in (lines(cup=1), {"items": lines()["items"][::-1]}):
        assert slug(customer_client.put(BASKET, mixed)) == (409, "mixed-currencies")
    assert customer_client.put(BASKET, lines(pen=0, cup=1)).json()["total"] == "59.00"


def test_a_line_that_nobody_knows_is_still_refused(customer_client: APIClient) -> None:
    archive(CUP)
    for other in (lines(unknown=1), lines(cup=1)):
        answer = customer_client.put(BASKET, other)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "items.2.product_id")


def test_what_an_order_took_leaves_whatever_became_of_the_product(customer_client: APIClient) -> None:
    archive(HAT)
    take_out(ordered((PEN, 1), (HAT, 2)))
    assert customer_client.get(BASKET).json()["items"] == []
    assert queries.basket_of(ALICE).items == []
