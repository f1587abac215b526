"""Every page that people see, and pictures of them.

`.venv/bin/python -m tests.system.screens` makes those of docs/back-office.md anew, of the platform that
`MICROCOMMERCE_PORT_OFFSET` names.
"""

import base64
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from launcher.browser import chromium
from tests.system.accessibility import DARK_DESKTOP, DARK_PHONE, DESKTOP, PHONE, View, look
from tests.system.browser_page import BrowserPage
from tests.system.keycloak import Account
from tests.system.platform import Platform

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / "test-results" / "pictures"  # of a test run, for whoever looks at them later
IN_THE_DOCUMENTATION = ROOT / "docs" / "pictures"
QUALITY = 80  # per cent

# name -> address. What stands in braces is known when there are an order and its things.
PAGES = {
    "home": "/",
    "today": "/admin/",
    "orders-home": "/admin/order/",
    "orders": "/admin/order/order/",
    "no-orders": "/admin/order/order/?q=nobody@example.com",
    "order": "/admin/order/order/{order}/change/",
    "order-history": "/admin/order/order/{order}/history/",
    "order-changes": "/admin/order/change/",
    "product-changes": "/admin/product/change/",
    "stock-changes": "/admin/stock/change/",
    "saga-changes": "/admin/saga/change/",
    "packing-slip": "/admin/order/order/{order}/packing-slip/",
    "products-home": "/admin/product/",
    "products": "/admin/product/product/",
    "product-add": "/admin/product/product/add/",
    "product": "/admin/product/product/{product}/change/",
    "product-history": "/admin/product/product/{product}/history/",
    "product-picture": "/admin/product/product/{product}/picture/",
    "product-import": "/admin/product/product/import/",
    "categories": "/admin/product/category/",
    "stock-home": "/admin/stock/",
    "levels": "/admin/stock/stockitem/",
    "level": "/admin/stock/stockitem/{product}/change/",
    "count": "/admin/stock/stockitem/count/",
    "ledger": "/admin/stock/movement/",
    "reservations": "/admin/stock/reservation/",
    "sagas-home": "/admin/saga/",
    "sagas": "/admin/saga/saga/",
    "saga": "/admin/saga/saga/{saga}/change/",
    "dead-letters": "/admin/saga/deadletter/",
    "notifications-home": "/admin/notification/",
    "notifications": "/admin/notification/notificationrecord/",
    "notification": "/admin/notification/notificationrecord/{customer}.1/change/",
    "baskets": "/admin/basket/",
    "basket": "/admin/basket/?customer={customer}",
    "api": "/api/",
    "api-orders": "/api/orders/",
    "api-order": "/api/orders/{order}/",
    "api-ship": "/api/orders/{order}/ship/",
    "api-products": "/api/products/",
    "api-product": "/api/products/{product}/",
    "health": "/health",
    "problems": "/problems/",
    "problem": "/problems/not-found",
    "not-found": "/nowhere/",
    "api-description": "/api/docs/",
}
DOCUMENTED: tuple[tuple[str, View], ...] = (
    ("today", DESKTOP),
    ("orders", DESKTOP),
    ("order", DARK_DESKTOP),
    ("level", PHONE),
    ("orders", DARK_PHONE),
    ("products", DESKTOP),
    ("api-order", DESKTOP),
)


def open_page(window: BrowserPage, name: str, known: Mapping[str, str]) -> None:
    """Go to a page and wait until it is all there."""
    window.go(PAGES[name].format_map(dict(known)))
    window.page.wait_for_load_state("networkidle")


def keep(page: Page, name: str, view: View, folder: Path = KEPT) -> Path:
    """A picture of what can be seen of the page now."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{name}-{view.name}.webp"
    session = page.context.new_cdp_session(page)
    taken = session.send("Page.captureScreenshot", {"format": "webp", "quality": QUALITY})
    session.detach()
    target.write_bytes(base64.b64decode(taken["data"]))
    return target


def first_of(window: BrowserPage) -> dict[str, str]:
    """What the addresses need, taken from the first rows of the lists."""
    ids = """rows => rows.map(row => row.getAttribute("href").split("/").at(-3))"""

    def first(path: str) -> str:
        window.go(path)
        found: list[str] = window.page.locator("#result_list tbody th a").evaluate_all(ids)
        return found[0]

    return {
        "order": first("/admin/order/order/?status__exact=confirmed"),
        "product": first("/admin/stock/stockitem/"),
        "saga": first("/admin/saga/saga/"),
        "customer": first("/admin/notification/notificationrecord/").partition(".")[0],
    }


@contextmanager
def mias_window(platform: Platform) -> Iterator[BrowserPage]:
    """A window of the manager, signed in."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), chromium_sandbox=False)
        context = browser.new_context(locale="en-GB")
        context.set_default_timeout(60_000)
        window = BrowserPage.open(context, platform.urls["gateway"])
        window.sign_in(Account("mia", "mia"), "/admin/")
        yield window
        browser.close()


def main() -> None:
    """Make the pictures of the documentation anew."""
    with mias_window(Platform()) as window:
        known = first_of(window)
        for name, view in DOCUMENTED:
            look(window.page, view)
            open_page(window, name, known)
            target = keep(window.page, name, view, IN_THE_DOCUMENTATION)
            sys.stdout.write(f"{target.relative_to(ROOT)}: {target.stat().st_size // 1024} KiB\n")


if __name__ == "__main__":
    main()
