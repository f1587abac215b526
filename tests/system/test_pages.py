"""Every list comes in pages, with links on the gateway's address."""

import pytest

from tests.system.conftest import NewShopper
from tests.system.endpoints import LISTS
from tests.system.shop import Shop
from tests.system.shopper import Json, Shopper

OF_A_MANAGER = [path for path in LISTS if path != "/api/notifications/"]  # which she gets none of


@pytest.fixture(scope="module")
def three_orders(shop: Shop, new_shopper: NewShopper) -> None:
    """Of a fresh platform's orders and sagas there would be no second page."""
    shopper, piece = new_shopper(), shop.product(stock=3)
    for _ in range(3):
        shopper.saga(shopper.place((piece, 1)))


@pytest.mark.parametrize("path", OF_A_MANAGER)
def test_links_lead_through_a_list_on_the_gateways_address(
    path: str, manager: Shopper, three_orders: None
) -> None:
    """`next` and `previous` are followed as they are. Red without the query in `KeysetPagination._address`."""
    first = manager.read(path, page_size=1)
    assert first["count"] > 2 or path == "/api/dead-letters/"
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
    """A page has a size that a service can bear. Red without `max_page_size`."""
    page = manager.read("/api/products/", page_size=100_000)
    assert len(page["results"]) == min(100, page["count"])


def test_following_the_links_shows_everything_once(shop: Shop, shopper: Shopper) -> None:
    """Orders newest first, notifications in the order of their ids. Red with `gte` in `told_after`."""
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
