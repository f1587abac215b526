"""Managers in Django's admin: one sign-in at the gateway, and a service's admin behind it."""

import re
from secrets import token_hex

from tests.system.browser_page import BrowserPage
from tests.system.conftest import NewShopper, OpenWindow
from tests.system.dead_letters import DeadLetters
from tests.system.keycloak import Keycloak
from tests.system.platform import Platform
from tests.system.poison import poison
from tests.system.shop import Shop
from tests.system.shopper import Shopper
from tests.system.topics import Topics
from tests.system.waiting import eventually

BAD = (10, 500, 999)  # rows of a file

PLACES = (
    "/admin/",
    "/admin/order/",
    "/admin/order/order/",
    "/admin/order/change/",
    "/admin/product/change/",
    "/admin/stock/change/",
    "/admin/saga/change/",
    "/admin/product/",
    "/admin/product/product/",
    "/admin/product/product/add/",
    "/admin/product/product/import/",
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
    "/admin/basket/",
    "/api/docs/",
)
FIGURE = re.compile(r"^[0-9,]+\+?$")


def test_a_manager_walks_through_everything(mia: BrowserPage) -> None:
    """Without a complaint of the browser: no script is refused, no file is missing. Red without `STATICFILES_DIRS` in the gateway's settings."""
    for place in PLACES:
        mia.forget()
        assert mia.go(place).status == 200, place
        mia.page.wait_for_load_state("networkidle")
        assert (mia.complaints, mia.refused) == ([], []), place
        assert not mia.page.locator("input[type=password]").count(), place


def test_orders_are_shipped_by_a_button(mia: BrowserPage, shop: Shop, shopper: Shopper) -> None:
    """With its placement beside it, and for its customer as well. Red without `operations.ship` in `apps/order/admin.py`, and without timeline.js."""
    order = shopper.place((shop.product(stock=1), 1))
    shopper.becomes(order, "confirmed")
    mia.go(f"/admin/order/order/{order}/change/")
    mia.page.locator("[data-timeline-of] li").get_by_text("order.confirmed").wait_for()
    mia.page.get_by_role("button", name="Ship").click()
    mia.page.get_by_text("1 shipped.").wait_for()
    shopper.becomes(order, "shipped")


def test_a_file_of_a_thousand_products(mia: BrowserPage) -> None:
    """Three rows are bad, the others come into the catalogue, and into stock as well, within what the gateway waits.

    Red without `announce` in `operations.create_products`, and with `TOGETHER = 1` in `apps/product/bulk.py` on a busy machine.
    """
    mark = token_hex(4)
    lines = [f"{mark} {number},{mark}-{number},{number + 1}.00,false" for number in range(1000)]
    for bad in BAD:
        lines[bad] = f"{mark} {bad},{mark}-{bad},free,false"
    content = "\n".join(["name,slug,price,is_active", *lines]).encode()
    mia.go("/admin/product/product/import/")
    mia.page.set_input_files(
        "input[type=file]", {"name": "products.csv", "mimeType": "text/csv", "buffer": content}
    )
    mia.page.get_by_role("button", name="Preview").click()
    mia.page.get_by_text(
        "997 products would change or be new, 0 would stay as they are, 3 rows cannot be used"
    ).wait_for()
    assert mia.page.get_by_text("price: This is not an amount").count() == len(BAD)
    mia.page.get_by_role("button", name="Yes, 997 products").click()
    mia.page.get_by_text("997 products imported.").wait_for()

    def in_stock() -> bool:
        mia.go(f"/admin/stock/stockitem/?q={mark}")
        return mia.page.get_by_text("997 stock items").count() > 0

    eventually(in_stock, what="997 stock items")


def test_nobody_else_gets_in(platform: Platform, shopper: Shopper, anybody: Shopper) -> None:
    """Refused at the gateway and at each service's own port. Red with `customer` in the route, and without `is_manager` in `AdminIdentity`."""
    for place in (each for each in PLACES if each.startswith("/admin/")):
        assert (anybody.send("GET", place).status_code, shopper.send("GET", place).status_code) == (
            401,
            403,
        ), place
    for service in ("order", "product", "stock", "saga", "notification", "basket"):
        door = platform.door(service)
        refused = [
            caller.at(door).send("GET", f"/admin/{service}/").status_code for caller in (anybody, shopper)
        ]
        assert refused == [401, 403], service


def _figure(window: BrowserPage, name: str) -> str:
    return window.page.locator(f"[data-figure={name}] output").text_content() or ""


def test_the_first_page_counts_what_needs_doing(
    mia: BrowserPage, platform: Platform, shop: Shop, shopper: Shopper
) -> None:
    """A service that stands still is said to, and holds up none of the others. Red where they are asked one after the other."""
    order = shopper.place((shop.product(stock=1), 1))
    shopper.becomes(order, "confirmed")
    with platform.paused("stock-api"):
        mia.go("/admin/")
        mia.page.locator("[data-figure=to-ship] output").get_by_text(FIGURE).wait_for()
        mia.page.locator("[data-figure=stuck] output").get_by_text(FIGURE).wait_for()
        assert _figure(mia, "low") == "…"
        assert "the oldest for" in (mia.page.locator("[data-figure=to-ship] small").text_content() or "")
        mia.page.locator("[data-figure=low]").get_by_text("not available now").wait_for()
    mia.page.reload()
    mia.page.locator("[data-figure=low] output").get_by_text(FIGURE).wait_for()


def test_ten_orders_are_shipped_at_once(mia: BrowserPage, shop: Shop, shopper: Shopper) -> None:
    """They are found by whoever ordered them. Red without `customer_email` in `apps/order/operations.py`."""
    piece = shop.product(stock=10)
    orders = [shopper.place((piece, 1)) for _ in range(10)]
    assert set(shopper.outcomes(orders).values()) == {"confirmed"}
    assert shopper.account
    mia.go(f"/admin/order/order/?status__exact=confirmed&q={shopper.account.username}@example.com")
    mia.page.locator("#action-toggle").check()
    mia.page.locator("select[name=action]").select_option("ship_selected")
    mia.page.get_by_role("button", name="Go").click()
    mia.page.get_by_text("10 shipped.").wait_for()
    assert {shopper.look_at(order)["status"] for order in orders} == {"shipped"}


def test_a_basket_is_looked_into(mia: BrowserPage, shop: Shop, shopper: Shopper) -> None:
    """From an order to its customer's basket. Red without the route, or with the link of another customer."""
    bought, piece = shop.products(2, stock=1)
    order = shopper.place((bought, 1))
    shopper.put_in_basket(piece, 7)  # another product: what was bought leaves the basket
    mia.go(f"/admin/order/order/{order}/change/")
    mia.page.get_by_role("link", name="basket", exact=True).click()
    row = mia.page.get_by_role("row").filter(has_text=piece.name)
    assert row.get_by_role("cell").first.text_content() == "7"


def test_stock_is_adjusted(mia: BrowserPage, shop: Shop) -> None:
    """With its reason, in the ledger. Red without `operations.adjust` in `apps/stock/admin.py`."""
    piece = shop.product(stock=4)
    mia.go(f"/admin/stock/stockitem/{piece.id}/change/")
    mia.page.locator("input[name=delta]").fill("-3")
    mia.page.locator("[name=reason]").fill("fell down the stairs")
    mia.page.get_by_role("button", name="Adjust").click()
    mia.page.get_by_text("on hand -3: fell down the stairs").first.wait_for()
    assert shop.stock(piece) == (1, 0)


def test_a_dead_letter_is_replayed(mia: BrowserPage, topics: Topics, letters: DeadLetters) -> None:
    """After a question; the service hears it again, and gives it up again. Red without `confirmed` in `ask_first`."""
    poisoned = poison("not JSON", "order.commands")
    topics.send([poisoned])
    (letter,) = letters.of(poisoned, ["order"])
    mia.go(f"/admin/saga/deadletter/{letter['id']}/change/")
    mia.page.get_by_role("button", name="Replay").click()
    mia.page.get_by_role("button", name="Confirm").click()
    mia.page.get_by_text("1 replayed.").wait_for()
    letters.wait_for_another(poisoned, "order", letter)


def test_a_role_that_is_lost_is_lost_with_the_next_token(
    keycloak: Keycloak, new_manager: NewShopper, new_window: OpenWindow
) -> None:
    """In the middle of a session, however long ago the sign-in was. Red with a role that is kept in the session."""
    boss = new_manager().account
    assert boss
    window = new_window()
    with keycloak.short_tokens_of("gateway"):
        window.sign_in(boss, "/admin/order/order/")
        assert window.go("/admin/order/order/").status == 200
        keycloak.unmake_manager(boss)
        eventually(
            lambda: window.go("/admin/order/order/").status,
            lambda status: status == 403,
            what="the loss of the role",
        )
        assert "manager" in window.text()
        assert window.go("/api/orders/").status == 200  # still a customer, and still signed in
    window.page.context.close()


def test_swagger_does_it_as_whoever_is_signed_in(mia: BrowserPage, new_window: OpenWindow) -> None:
    """No token is copied, and what a lock asks for stands beside it. Red without `AuthorizeBtnContainer` and `rolesOf`."""
    mia.go("/api/docs/")
    mia.page.get_by_text("You are signed in as mia, a manager").wait_for()
    public = mia.page.locator("[id=operations-products-products_list]")
    locked = mia.page.locator("[id=operations-dead-letters-dead_letters_list]")
    locked.get_by_text("manager").first.wait_for()
    assert not mia.page.get_by_role("button", name="Authorize").count()
    assert not public.locator(".who").count()
    locked.locator("button.opblock-summary-control").first.click()
    failures = locked.locator("details.failure")
    failures.first.wait_for()
    assert failures.locator("pre").count() == 0
    failures.first.locator("summary strong").click()
    failures.locator("pre").first.wait_for()
    locked.get_by_role("button", name="Try it out").click()
    locked.get_by_role("button", name="Execute").click()
    locked.locator(".live-responses-table .response-col_status").get_by_text("200").wait_for()
    stranger = new_window()
    stranger.go("/api/docs/")
    stranger.page.get_by_text("You are not signed in").wait_for()
    stranger.page.context.close()


def test_two_managers_edit_one_product(
    mia: BrowserPage, shop: Shop, new_manager: NewShopper, new_window: OpenWindow
) -> None:
    """The second is told before anything of the first is lost. Red without `precondition` in `OperationForm`."""
    piece = shop.product(stock=0, price="10.00")
    page = f"/admin/product/product/{piece.id}/change/"
    boss, other = new_manager().account, new_window()
    assert boss
    other.sign_in(boss, page)
    mia.go(page)
    _save_price(mia, "11.00")
    mia.page.wait_for_url("**/admin/product/product/")
    _save_price(other, "14.00")
    other.page.get_by_text("Somebody else changed this meanwhile").first.wait_for()
    assert other.page.locator("input[name=price]").input_value() == "14.00"
    assert shop.manager.read(f"/api/products/{piece.id}/")["price"] == "11.00"
    other.page.context.close()


def test_the_history_names_the_admin_and_the_api(mia: BrowserPage, shop: Shop) -> None:
    """Who, from where, what it was and what it is. Red without `record` in `change_product`."""
    piece = shop.product(stock=0, price="10.00")
    mia.go(f"/admin/product/product/{piece.id}/change/")
    _save_price(mia, "11.00")
    mia.page.wait_for_url("**/admin/product/product/")
    shop.reprice(piece, "12.00")
    mia.go(f"/admin/product/product/{piece.id}/history/")
    lines = mia.page.locator("#change-history tbody tr").all_inner_texts()
    assert [("mia" in line, "10.00 → 11.00" in line, "admin" in line) for line in lines[1:2]] == [(True,) * 3]
    assert "11.00 → 12.00" in lines[0]
    assert "API" in lines[0]


def _save_price(window: BrowserPage, price: str) -> None:
    window.page.locator("input[name=price]").fill(price)
    window.page.locator("input[name=_save]").click()
