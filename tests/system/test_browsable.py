"""The API as a person's tool: everything that somebody may do is a form that works, and no link leads to a refusal."""

import io
import json
import re
import secrets
from collections.abc import Iterator
from urllib.parse import urljoin, urlsplit

import pytest
from PIL import Image
from playwright.sync_api import FilePayload

from tests.system.browser_page import BrowserPage
from tests.system.conftest import NewShopper, OpenWindow
from tests.system.shop import Shop
from tests.system.shopper import ADDRESS, Shopper

IDS = re.compile(r"(?<=/)([0-9a-f]{24}|[0-9a-f-]{36}|[0-9]+)(?=/)")
NOT_PAGES = ("/api/docs/", "/api/schema/")
LABELS = {
    "name": "Name",
    "line1": "Line1",
    "city": "City",
    "postal_code": "Postal code",
    "country": "Country",
}


@pytest.fixture(scope="module")
def buyer(new_shopper: NewShopper) -> Shopper:
    return new_shopper()


@pytest.fixture(scope="module")
def buyers(new_window: OpenWindow, buyer: Shopper) -> BrowserPage:
    window = new_window()
    assert buyer.account
    window.sign_in(buyer.account, "/api/")
    return window


@pytest.fixture(autouse=True)
def nothing_is_complained_of(mia: BrowserPage, buyers: BrowserPage) -> Iterator[None]:
    """By the browser: no script fails, no file is missing, nothing is against the security policy."""
    mia.forget()
    buyers.forget()
    yield
    assert (mia.complaints, buyers.complaints) == ([], [])


def test_a_manager_creates_a_product_and_changes_it(mia: BrowserPage, shop: Shop, anybody: Shopper) -> None:
    """What was typed stays where it was wrong; the product is for sale at once; its form comes filled in.

    Red without `is_active` in `_new_product` (nobody sees it), and where a refusal shows the page anew.
    """
    name, category = f"Typed piece {secrets.token_hex(6)}", shop.category()
    mia.go("/api/products/")
    form = mia.operation("Create a product")
    form.get_by_label("Name", exact=True).fill(name)
    form.get_by_label("Description").fill("Two\nlines")
    form.get_by_label("Price").fill("12,50")
    form.get_by_label(category["name"]).check()
    create = form.get_by_role("button", name="Create a product")
    assert mia.press(create).status == 400
    price = form.get_by_label("Price")
    beside = mia.page.locator(f"#{(price.get_attribute('aria-describedby') or '').split()[-1]}")
    assert "This is not an amount" in beside.inner_text()
    assert price.get_attribute("aria-invalid") == "true"
    assert form.get_by_label("Name", exact=True).input_value() == name
    assert form.get_by_label("Description").input_value() == "Two\nlines"
    assert form.get_by_label(category["name"]).is_checked()

    price.fill("12.50")
    made = mia.press(create)
    assert made.status == 201
    (seen,) = anybody.read("/api/products/", search=name)["results"]
    assert (seen["price"], seen["description"], seen["is_active"]) == ("12.50", "Two\nlines", True)
    assert [each["id"] for each in seen["categories"]] == [category["id"]]

    change = mia.operation("Change this product")
    assert change.get_by_label("Name", exact=True).input_value() == name
    change.get_by_label("Price").fill("13.00")
    sent = mia.press(change.get_by_role("button", name="Change this product")).request
    assert json.loads(sent.post_data or "") == {"price": "13.00"}, "what was not changed is not named"
    assert sent.headers["if-match"] == made.headers["etag"]
    assert anybody.read(f"/api/products/{seen['id']}/")["price"] == "13.00"


def test_a_picture_is_given_by_a_form(mia: BrowserPage, shop: Shop, anybody: Shopper) -> None:
    """A file goes as a form with a file. Red where it is sent as JSON."""
    product = shop.product(stock=1)
    mia.go(f"/api/products/{product.id}/")
    mia.page.get_by_role("link", name="Give it a picture").click()
    mia.page.wait_for_url("**/picture/")
    drawn = io.BytesIO()
    Image.new("RGB", (64, 64), "teal").save(drawn, "PNG")
    file = FilePayload(name="teal.png", mimeType="image/png", buffer=drawn.getvalue())
    mia.page.get_by_label("Picture", exact=True).set_input_files(file)
    assert mia.press(mia.page.get_by_role("button", name="Give it a picture")).status == 200
    assert "/media/" in anybody.read(f"/api/products/{product.id}/")["image"]
    assert mia.is_sound()


def test_an_order_is_shipped_from_its_page(mia: BrowserPage, shop: Shop, buyer: Shopper) -> None:
    """The page of an action says what it does, does it, and later says why not. Red where GET answers 405."""
    order = buyer.place((shop.product(stock=1), 1))
    buyer.becomes(order, "confirmed")
    mia.go(f"/api/orders/{order}/")
    mia.page.get_by_role("link", name="Ship this order").click()
    mia.page.wait_for_url("**/ship/")
    assert "The customer is told" in mia.text()
    assert mia.press(mia.page.get_by_role("button", name="Ship this order")).status == 200
    assert mia.page.url.endswith(f"/api/orders/{order}/")
    buyer.becomes(order, "shipped")
    mia.go(f"/api/orders/{order}/ship/")
    assert mia.page.get_by_role("button", name="Ship this order").is_disabled()
    assert "This order is shipped." in mia.text()
    assert mia.is_sound()


def test_a_customer_orders_and_cancels_by_forms(buyers: BrowserPage, shop: Shop, buyer: Shopper) -> None:
    """A double click is one order. Red without the form's key and the disabled button."""
    before, product = buyer.read("/api/orders/")["count"], shop.product(stock=3)
    buyers.go("/api/orders/")
    form = buyers.operation("Place an order")
    for name, label in LABELS.items():
        form.get_by_label(label, exact=True).fill(ADDRESS[name])
    form.get_by_role("button", name="Add a line").click()
    form.get_by_label("Product id").fill(product.id)
    form.get_by_label("Quantity").fill("2")
    with buyers.page.expect_response(lambda answer: answer.request.method == "POST") as placed:
        form.get_by_role("button", name="Place an order").dblclick()
    assert placed.value.status == 201
    buyers.page.locator(".notice:not([hidden])").wait_for()
    assert buyer.read("/api/orders/")["count"] == before + 1
    order = buyers.page.url.rstrip("/").rpartition("/")[2]
    buyers.page.get_by_role("link", name="Cancel this order").click()
    buyers.page.get_by_label("Reason").fill("Found a nicer one.")
    assert buyers.press(buyers.page.get_by_role("button", name="Cancel this order")).status == 202
    buyer.becomes(order, "cancelled")


def test_no_link_leads_to_a_refusal(
    mia: BrowserPage, buyers: BrowserPage, buyer: Shopper, shop: Shop, new_window: OpenWindow
) -> None:
    """Every link of the API's pages from `/api/` on, one of each kind, as a manager, a customer and nobody.

    Red when a link leads to an address without a page, to somebody else's, or to what is not there.
    """
    product = shop.product(stock=2)
    buyer.becomes(buyer.place((product, 1)), "confirmed")
    assert buyer.send("PUT", f"/api/basket/items/{product.id}/", json={"quantity": 1}).status_code == 200
    for window, least in ((mia, 20), (buyers, 12), (new_window(), 7)):
        window.forget()
        assert len(_crawled(window)) >= least
        assert (window.complaints, window.refused) == ([], [])


def _crawled(window: BrowserPage) -> set[str]:
    """The kinds of pages that links lead to."""
    waiting, seen = ["/api/"], set[str]()
    while waiting:
        path = waiting.pop()
        kind = IDS.sub("{}", path.partition("?")[0])
        if kind in seen:
            continue
        seen.add(kind)
        assert window.go(path).status == 200, path
        for href in window.page.eval_on_selector_all("a[href]", "all => all.map(each => each.href)"):
            parts = urlsplit(urljoin(window.page.url, href))
            if parts.path.startswith("/api/") and not parts.path.startswith(NOT_PAGES):
                waiting.append(f"{parts.path}?{parts.query}" if parts.query else parts.path)
    return seen
