"""Managers in Django's admin: one sign-in at the gateway, and a service's admin behind it."""

import pytest

from tests.system.conftest import OpenWindow
from tests.system.keycloak import Account
from tests.system.platform import Platform
from tests.system.shop import Shop
from tests.system.shopper import Shopper
from tests.system.window import Window

PLACES = (
    "/admin/",
    "/admin/order/",
    "/admin/order/order/",
    "/admin/product/",
    "/admin/product/product/",
    "/admin/product/category/",
    "/admin/stock/",
    "/admin/stock/stockitem/",
    "/admin/stock/stockitem/count/",
    "/admin/stock/movement/",
    "/admin/stock/reservation/",
    "/admin/saga/",
    "/admin/saga/saga/",
    "/admin/saga/deadletter/",
    "/admin/notification/",
    "/admin/notification/notificationrecord/",
)


@pytest.fixture(scope="module")
def mia(new_window: OpenWindow) -> Window:
    window = new_window()
    window.sign_in(Account("mia", "mia"), "/admin/")
    return window


def test_a_manager_walks_through_everything(mia: Window) -> None:
    """Without a complaint of the browser: no script is refused, no file is missing. Red without `STATICFILES_DIRS` in the gateway's settings."""
    for place in PLACES:
        mia.forget()
        assert mia.go(place).status == 200, place
        mia.page.wait_for_load_state("networkidle")
        assert (mia.complaints, mia.refused) == ([], []), place
        assert not mia.page.locator("input[type=password]").count(), place


def test_orders_are_shipped_by_a_button(mia: Window, shop: Shop, shopper: Shopper) -> None:
    """The order is shipped for its customer as well. Red without `operations.ship` in `apps/order/admin.py`."""
    order = shopper.place((shop.product(stock=1), 1))
    shopper.becomes(order, "confirmed")
    mia.go(f"/admin/order/order/{order}/change/")
    mia.page.get_by_role("button", name="Ship").click()
    mia.page.get_by_text("1 shipped.").wait_for()
    shopper.becomes(order, "shipped")


def test_nobody_else_gets_in(platform: Platform, shopper: Shopper, anybody: Shopper) -> None:
    """Refused at the gateway and at each service's own port. Red with `customer` in the route, and without `is_manager` in `AdminIdentity`."""
    for place in PLACES:
        assert (anybody.send("GET", place).status_code, shopper.send("GET", place).status_code) == (
            401,
            403,
        ), place
    for service in ("order", "product", "stock", "saga", "notification"):
        door = platform.door(service)
        refused = [
            caller.at(door).send("GET", f"/admin/{service}/").status_code for caller in (anybody, shopper)
        ]
        assert refused == [401, 403], service
