"""A walk through the list of orders while others are placed: nothing twice, nothing left out."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from django.core.paginator import Paginator

from shared.testing.tokens import ALICE, BOB

if TYPE_CHECKING:
    from rest_framework.test import APIClient

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def place(count: int, customer: str = ALICE, at: datetime | None = None, **fields: Any) -> list[str]:
    """Orders, as ids in the order in which they were placed."""
    from apps.order.models import Order

    when = {"created_at": at} if at else {}
    made = [
        Order.objects.create(
            customer_id=customer, total=Decimal(1), currency="EUR", shipping_address={}, **when, **fields
        )
        for _ in range(count)
    ]
    return [str(order.pk) for order in made]


def ids(page: dict[str, Any]) -> list[str]:
    return [each["id"] for each in page["results"]]


def test_orders_that_are_placed_meanwhile_move_nothing(customer_client: "APIClient") -> None:
    """Red when `next` is a page number: what was pushed to the next page is shown twice."""
    placed = place(7)
    page, seen = customer_client.get("/api/orders/?page_size=2").json(), []
    while True:
        seen += ids(page)
        place(3)
        place(1, BOB)
        if not page["next"]:
            break
        page = customer_client.get(page["next"]).json()
    assert seen == placed[::-1]


def test_orders_that_are_placed_between_count_and_page_hide_none(
    customer_client: "APIClient", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Red when the first page ends where the count did: there was no `next`, and the oldest orders were in no page."""
    placed, late = place(3), list[str]()

    def count(_: Any) -> int:
        late.extend([] if late else place(4))
        return len(placed)

    monkeypatch.setattr(Paginator, "count", property(count))
    page = customer_client.get("/api/orders/?page_size=5").json()
    seen = ids(page)
    while page["next"]:
        page = customer_client.get(page["next"]).json()
        seen += ids(page)
    assert seen == [*late[::-1], *placed[::-1]]


def test_orders_whose_status_changes_meanwhile_are_not_left_out(customer_client: "APIClient") -> None:
    """Red when `next` counts from the beginning of a list that gets shorter."""
    from apps.order.models import Order

    placed = place(6)
    page = customer_client.get("/api/orders/?page_size=2&status=submitted").json()
    Order.objects.filter(pk__in=ids(page)).update(status="confirmed")
    assert "status=submitted" in page["next"]
    assert ids(customer_client.get(page["next"]).json()) == placed[3:1:-1]


def test_the_way_back_shows_the_same_pages(customer_client: "APIClient") -> None:
    """Orders of one moment have an order, too. Red when the id does not decide, or `previous` turns the page round."""
    place(5, at=NOW)
    pages = [customer_client.get("/api/orders/?page_size=2").json()]
    while pages[-1]["next"]:
        pages.append(customer_client.get(pages[-1]["next"]).json())
    assert [len(page["results"]) for page in pages] == [2, 2, 1]
    assert len({each for page in pages for each in ids(page)}) == 5
    assert {page["count"] for page in pages} == {5}
    back = [pages[-1]]
    while back[-1]["previous"]:
        back.append(customer_client.get(back[-1]["previous"]).json())
    assert [ids(page) for page in back] == [ids(page) for page in pages[::-1]]
    assert [bool(page["next"]) for page in back] == [False, True, True]


def test_a_page_can_still_be_asked_for_by_its_number(customer_client: "APIClient") -> None:
    placed = place(5)
    second = customer_client.get("/api/orders/?page_size=2&page=2").json()
    assert ids(second) == placed[2:0:-1]
    assert "page=" not in second["next"].replace("page_size=", "")
    assert ids(customer_client.get(second["next"]).json()) == placed[:1]
    assert ids(customer_client.get(second["previous"]).json()) == placed[:2:-1]


def test_links_say_the_size_that_was_used(customer_client: "APIClient") -> None:
    place(101)
    first = customer_client.get("/api/orders/?page_size=5000").json()
    assert len(first["results"]) == 100
    assert "page_size=100&" in first["next"] + "&"
    last = customer_client.get(first["next"]).json()
    assert len(last["results"]) == 1
    assert "page_size=100&" in last["previous"] + "&"


@pytest.mark.parametrize("wrong", ["0", "x", "-1"])
def test_what_is_no_page_is_refused_whatever_the_cursor(customer_client: "APIClient", wrong: str) -> None:
    place(3)
    link = customer_client.get("/api/orders/?page_size=1").json()["next"]
    for address in (f"/api/orders/?page={wrong}", f"{link}&page={wrong}"):
        (error,) = customer_client.get(address).json()["errors"]
        assert error["field"] == "page"


def test_a_cursor_shows_nobody_elses_orders(customer_client: "APIClient", other_client: "APIClient") -> None:
    place(4)
    theirs = place(2, BOB)
    link = customer_client.get("/api/orders/?page_size=1").json()["next"]
    assert set(ids(other_client.get(link).json())) <= set(theirs)


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "%ff",
        "e30",
        "WzBd",
        "WzAsMSwyXQ",
        "WzAsIngiLCJ5Il0",
        "bnVsbA",
        "W1swXV0",
        "A" * 300,
        "WzIsImEiLCJiIl0",
    ],
)
def test_what_is_no_cursor_is_said_to_be_none(customer_client: "APIClient", cursor: str) -> None:
    """Red when it is taken for the beginning, or breaks the service."""
    place(3)
    refused = customer_client.get(f"/api/orders/?cursor={cursor}")
    assert refused.status_code == 404
    assert "no cursor of this list" in refused.json()["detail"]
