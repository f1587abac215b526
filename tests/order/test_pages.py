"""A walk through the list of orders while others are placed: nothing twice, nothing left out."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.order.models import Order, OrderLine
from apps.order.queries import OrderWalk
from shared.testing.tokens import ALICE, BOB

if TYPE_CHECKING:
    from rest_framework.test import APIClient

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 1, 1, tzinfo=UTC)
PRODUCT = "a" * 24


def place(count: int, customer: str = ALICE, at: datetime | None = None, **fields: Any) -> list[str]:
    """Orders, as ids in the order in which they were placed."""
    when = {"created_at": at} if at else {}
    made = [
        Order.objects.create(
            customer_id=customer, total=Decimal(1), currency="EUR", shipping_address={}, **when, **fields
        )
        for _ in range(count)
    ]
    return [str(order.pk) for order in made]


def lines(order: str, count: int) -> None:
    """So many lines of an order."""
    for position in range(count, 0, -1):
        OrderLine.objects.create(
            order_id=order,
            position=position,
            product_id=PRODUCT,
            name=f"Tea {position}",
            unit_price=Decimal("2.5"),
            quantity=3,
        )


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


def test_orders_that_are_placed_between_page_and_count_hide_none(
    customer_client: "APIClient", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Red when a page ends where the count did: there was no `next`, and the oldest orders were in no page."""
    placed = place(5)

    def count(_: Any) -> int:
        place(4)
        return 2

    monkeypatch.setattr(OrderWalk, "count", count)
    page = customer_client.get("/api/orders/?page_size=2").json()
    seen = ids(page)
    while page["next"]:
        page = customer_client.get(page["next"]).json()
        seen += ids(page)
    assert seen == placed[::-1]


@pytest.mark.parametrize(
    "query", ["", "?page_size=3", "?page_size=2", "?page_size=2&page=2", "?status=submitted"]
)
def test_a_page_is_one_statement(customer_client: "APIClient", query: str) -> None:
    """With all its orders' lines and the count. Red when each order asks for its lines, or a page is counted apart."""
    for order in place(3):
        lines(order, 2)
    with CaptureQueriesContext(connection) as captured:
        page = customer_client.get(f"/api/orders/{query}").json()
    if page["next"]:
        with CaptureQueriesContext(connection) as captured:
            page = customer_client.get(page["next"]).json()
    assert page["count"] == 3
    assert [query["sql"].split()[0] for query in captured] == ["SELECT"]


def test_nothing_is_a_page_as_well(customer_client: "APIClient") -> None:
    """Red when the first page of no order is not found, or a page after the last one is."""
    place(1, BOB)
    nothing: dict[str, Any] = {"count": 0, "next": None, "previous": None, "results": []}
    assert customer_client.get("/api/orders/").json() == nothing
    assert customer_client.get("/api/orders/?page=2").status_code == 404
    place(1)
    assert customer_client.get("/api/orders/?page=2").status_code == 404


def test_a_list_shows_of_an_order_what_its_own_address_shows(customer_client: "APIClient") -> None:
    """Letter for letter. Red when a field is left out, or the list writes money, times or reasons in its own way."""
    whole = datetime(2026, 1, 1, 12, 30, tzinfo=UTC)
    address = {
        "country": "DE",
        "city": "B",
        "line1": "1",
        "line2": "",
        "postal_code": "1",
        "name": 'A "é" \\ \u2028 %s {}',
    }
    place(1, at=whole, updated_at=whole)
    place(1, status="rejected", status_reason=f"Out of stock: {PRODUCT}.", idempotency_key="k")
    place(1, status="cancelled", updated_at=whole.replace(microsecond=40))
    for order in place(2, at=NOW):
        lines(order, 2)
    Order.objects.update(shipping_address=address, customer_id=ALICE)
    OrderLine.objects.update(name='T "é" \\ \u2028 \t %s {}')
    lines(str(Order.objects.get(status="rejected").pk), 1)
    listed = customer_client.get("/api/orders/")
    single = [customer_client.get(f"/api/orders/{each}/").content for each in ids(listed.json())]
    assert listed.content.split(b'"results":', 1)[1] == b"[" + b",".join(single) + b"]}"
    assert PRODUCT not in listed.content.split(b"Out of stock: ", 1)[1].split(b".", 1)[0].decode()


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("status=submitted", [3, 1, 0]),
        ("status=confirmed", [2]),
        ("created_after=2026-01-02T00:00:00Z", [3, 2, 1]),
        ("created_before=2026-01-02T00:00:00Z", [1, 0]),
        ("created_after=2026-01-02T00:00:00Z&created_before=2026-01-03T00:00:00Z&status=submitted", [1]),
        ("status=&created_after=", [3, 2, 1, 0]),
    ],
)
def test_what_narrows_the_list(customer_client: "APIClient", query: str, found: list[int]) -> None:
    """With its count. Red when a filter is left out, or says more than its moment itself."""
    moments = [NOW.replace(day=day) for day in (1, 2, 3, 4)]
    placed = [place(1, at=moment)[0] for moment in moments]
    Order.objects.filter(pk=placed[2]).update(status="confirmed")
    place(1, BOB)
    page = customer_client.get(f"/api/orders/?{query}&page_size=1").json()
    seen = ids(page)
    assert page["count"] == len(found)
    while page["next"]:
        page = customer_client.get(page["next"]).json()
        assert page["count"] == len(found)
        seen += ids(page)
    assert seen == [placed[each] for each in found]


def test_orders_whose_status_changes_meanwhile_are_not_left_out(customer_client: "APIClient") -> None:
    """Red when `next` counts from the beginning of a list that gets shorter."""
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
