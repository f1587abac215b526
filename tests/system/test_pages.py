"""Every list comes in pages, with links on the gateway's address (contract, 3)."""

import pytest

from tests.system.shop import Shop
from tests.system.shopper import Json, Shopper

LISTS = [
    "/api/products/",
    "/api/categories/",
    "/api/stock/",
    "/api/orders/",
    "/api/sagas/",
    "/api/dead-letters/",
]


@pytest.mark.parametrize("path", LISTS)
def test_links_lead_through_a_list_on_the_gateways_address(path: str, manager: Shopper) -> None:
    """`next` and `previous` are followed as they are. Red when a link names a service's own address, or loses the query."""
    first = manager.read(path, page_size=1)
    assert set(first) == {"count", "next", "previous", "results"}
    assert len(first["results"]) == min(1, first["count"])
    assert first["previous"] is None
    if first["count"] > 1:
        assert first["next"].startswith(f"{manager.address}{path}?")
        second = manager.read(first["next"])
        assert second["results"] != first["results"]
        assert len(second["results"]) == 1
        assert manager.read(second["previous"])["results"] == first["results"]
    else:
        assert first["next"] is None


def test_a_page_holds_no_more_than_a_hundred(manager: Shopper) -> None:
    """A page has a size that a service can bear. Red when a client can ask for everything at once."""
    page = manager.read("/api/products/", page_size=100_000)
    assert len(page["results"]) == min(100, page["count"])


def test_following_the_links_shows_everything_once(shop: Shop, shopper: Shopper) -> None:
    """Orders newest first, notifications in the order of their ids. Red when a page repeats or skips one."""
    piece = shop.product(stock=10)
    orders = [shopper.place((piece, 1)) for _ in range(5)]
    for order_id in orders:
        shopper.told(order_id, "order.confirmed")
    assert [each["id"] for each in _in_pages(shopper, "/api/orders/")] == orders[::-1]
    assert [each["id"] for each in _in_pages(shopper, "/api/notifications/")] == [1, 2, 3, 4, 5]
    assert [each["id"] for each in _in_pages(shopper, "/api/notifications/", after=1)] == [2, 3, 4, 5]


def _in_pages(shopper: Shopper, path: str, **query: int) -> list[Json]:
    page = shopper.read(path, page_size=2, **query)
    found: list[Json] = page["results"]
    while page["next"]:
        page = shopper.read(page["next"])
        found += page["results"]
    return found
