"""Every page as people see it: on a phone and at a desk, in light and in dark; what axe finds, and a picture of it."""

from collections.abc import Iterator, Sequence

import pytest
from playwright.sync_api import Page

from tests.system.accessibility import DARK_PHONE, DESKTOP, VIEWS, View, is_too_wide, look, violations
from tests.system.browser_page import BrowserPage
from tests.system.conftest import NewShopper, OpenWindow
from tests.system.keycloak import Account
from tests.system.screens import PAGES, keep, open_page
from tests.system.shop import Shop
from tests.system.shopper import Shopper
from tests.system.tables import FULL_TABLE
from tests.system.test_back_office import PLACES


@pytest.fixture(scope="module")
def known(shop: Shop, new_shopper: NewShopper, manager: Shopper) -> dict[str, str]:
    """An order, and what came of it."""
    shopper, product = new_shopper(), shop.product(stock=3)
    order = shopper.place((product, 2))
    shopper.becomes(order, "confirmed")
    shopper.told(order, "order.confirmed")
    saga = manager.read("/api/sagas/", order_id=order)["results"][0]["id"]
    return {"order": order, "product": product.id, "saga": saga, "customer": shopper.id}


@pytest.fixture(scope="module")
def alice(new_window: OpenWindow) -> Iterator[BrowserPage]:
    window = new_window()
    window.sign_in(Account("alice", "alice"))
    yield window
    window.page.context.close()


# In every run: each window and all colours once, that is all rules at a desk in light, those of colours and width beside it.
IN_EVERY_RUN = (DESKTOP, DARK_PHONE)


def found_on(page: Page, name: str, views: Sequence[View] = VIEWS) -> list[str]:
    """What is wrong with the page that is open, in each window and its colours; pictures of it are kept."""
    found = []
    for view in views:
        look(page, view)
        keep(page, name, view)
        found += [f"{view.name}: {each}" for each in violations(page, view)]
        if is_too_wide(page):
            found.append(f"{view.name}: the page is wider than its window")
    return found


def test_no_place_of_the_back_office_is_left_out() -> None:
    """Red when somebody adds a page to the walk through the back office, and not to the pages that are looked at."""
    assert set(PLACES) <= set(PAGES.values())


@pytest.mark.parametrize(
    "views",
    [
        pytest.param(IN_EVERY_RUN, id="desk and phone"),
        pytest.param(
            [view for view in VIEWS if view not in IN_EVERY_RUN],
            id="the same in other colours",
            marks=FULL_TABLE,
        ),
    ],
)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_for_everybody(
    name: str, views: Sequence[View], mia: BrowserPage, known: dict[str, str]
) -> None:
    """Nothing is serious or critical for axe, and nothing is wider than a phone.

    Red with Django's own grey on grey (`--ink-soft` lighter), with smaller targets, with a table that is not in a frame.
    """
    look(mia.page, DESKTOP)
    open_page(mia, name, known)
    assert found_on(mia.page, name, views) == []


def test_a_question_before_many_are_changed_is_for_everybody(mia: BrowserPage, known: dict[str, str]) -> None:
    """The page that asks whether products are to be archived. Red as above."""
    mia.go("/admin/product/product/")
    mia.page.locator("input.action-select").first.check()
    mia.page.locator("select[name=action]").first.select_option("archive")
    mia.page.locator(".actions button[type=submit]").click()
    mia.page.get_by_text("Nothing has been changed yet").wait_for()
    assert found_on(mia.page, "question") == []


def test_a_refusal_is_for_everybody(alice: BrowserPage) -> None:
    """What a customer is shown in the back office's place. Red as above."""
    assert alice.go("/admin/order/").status == 403
    assert found_on(alice.page, "refused") == []
