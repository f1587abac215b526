"""The gateway in a real browser: signing in and out, the browsable API, and what other sites' pages cannot do."""

import json
import secrets
from collections.abc import Iterator
from functools import partial

import pytest

from tests.system.browser_page import BrowserPage, origin
from tests.system.conftest import OpenWindow, Registered
from tests.system.keycloak import Account, Keycloak, claims_of
from tests.system.platform import Platform
from tests.system.shop import Shop
from tests.system.shopper import ADDRESS, Shopper
from tests.system.waiting import TERM, eventually

PASSWORD = "correct horse battery staple"


def signed_in(window: BrowserPage, name: str) -> BrowserPage:
    window.sign_in(Account(name, name))
    return window


@pytest.fixture(scope="module")
def alices(new_window: OpenWindow) -> BrowserPage:
    return signed_in(new_window(), "alice")


@pytest.fixture(scope="module")
def mias(new_window: OpenWindow) -> BrowserPage:
    return signed_in(new_window(), "mia")


@pytest.fixture
def customer(alices: BrowserPage) -> BrowserPage:
    """Alice, signed in, at the home page."""
    alices.go("/")
    alices.forget()
    return alices


@pytest.fixture
def boss(mias: BrowserPage) -> BrowserPage:
    """Mia, signed in, at the home page."""
    mias.go("/")
    mias.forget()
    return mias


@pytest.fixture
def stranger(new_window: OpenWindow) -> Iterator[BrowserPage]:
    """Somebody who is not signed in."""
    window = new_window()
    yield window
    window.page.context.close()


def test_a_customer_signs_in_and_reads_their_orders(stranger: BrowserPage, platform: Platform) -> None:
    """By Keycloak's page and back to where they wanted to go, which is a page with its style.

    Red when the way back is lost, the service answers JSON, or the gateway keeps back a style sheet or script.
    """
    stranger.sign_in(Account("alice", "alice"), "/api/orders/")
    assert stranger.page.get_by_role("heading", name="Orders", exact=True).is_visible()
    assert "alice" in stranger.text()
    assert stranger.is_sound()
    assert {origin(each.url) for each in stranger.asked} <= {stranger.gateway, platform.urls["keycloak"]}


def test_the_sessions_cookie_is_for_the_gateway_alone(customer: BrowserPage) -> None:
    """Scripts cannot read it and other sites' forms do not send it. Red when a flag is missing, or a token leaks."""
    session, proof = customer.cookie("microcommerce-session"), customer.cookie("csrftoken")
    assert (session["httpOnly"], session["sameSite"], session["path"]) == (True, "Lax", "/")
    assert (proof["httpOnly"], proof["sameSite"]) == (False, "Lax")
    assert customer.page.evaluate("document.cookie").startswith("csrftoken=")
    assert "session" not in customer.page.evaluate("document.cookie")
    assert not any(str(each["value"]).startswith("eyJ") for each in (session, proof))


def test_nothing_on_a_page_leads_past_the_gateway(customer: BrowserPage) -> None:
    """Pages, links and forms stay on one address. Red when a service writes its own address, or loses the query."""
    customer.go("/api/products/?page_size=5&ordering=price")
    assert customer.strangers() == set()
    customer.page.get_by_role("link", name="2", exact=True).click()
    customer.page.wait_for_url("**/api/products/?*page=2*")
    assert customer.page.url.startswith(customer.gateway)
    assert {"page_size=5", "ordering=price", "page=2"} <= {*customer.page.url.partition("?")[2].split("&")}
    assert customer.strangers() == set()
    assert customer.is_sound()


def test_a_manager_keeps_the_catalogue_by_its_pages(boss: BrowserPage, shop: Shop) -> None:
    """POST, PUT, PATCH and DELETE by the JSON of the pages' forms, each with the session's proof.

    Red when the gateway refuses a form for want of a proof, or a page sends another token than the session's.
    """
    name = f"Browser piece {secrets.token_hex(6)}"
    boss.go("/api/products/")
    made = boss.fill_in(json.dumps({"name": name, "price": "4.50"}), "Create a product")
    assert made.status == 201
    assert made.request.headers["x-csrftoken"] == boss.cookie("csrftoken")["value"]
    product = made.headers["location"].removeprefix(boss.gateway)
    assert boss.page.url == boss.gateway + product, "a page shows what was made"

    anew = boss.fill_in(json.dumps({"name": name, "price": "5.50"}), "Write it anew (PUT)")
    assert (anew.status, "if-match" in anew.request.headers) == (200, True)
    changed = boss.fill_in(json.dumps({"description": "seen in a browser"}), "Change this product")
    assert changed.status == 200
    now = shop.manager.read(product)
    assert (now["price"], now["description"], now["version"]) == ("5.50", "seen in a browser", 3)

    archive = boss.operation("Archive this product")
    archive.get_by_role("button", name="Archive this product").click()
    assert "leaves the lists" in archive.get_by_role("dialog").inner_text()
    assert boss.press(archive.get_by_role("button", name="Yes: Archive")).status == 204
    assert shop.manager.read(product)["is_active"] is False
    assert boss.is_sound()


def test_what_is_wrong_with_a_form_is_said_on_the_page(customer: BrowserPage) -> None:
    """Every wrong field is named. Red when the page goes away, or shows nothing."""
    customer.go("/api/orders/")
    body = json.dumps({"shipping_address": {**ADDRESS, "country": "?", "city": ""}})
    assert customer.fill_in(body, "Place an order").status == 400
    said = customer.page.locator(".raw .said").inner_text()
    assert "shipping_address.country" in said
    assert "shipping_address.city" in said
    assert customer.complaints == []


def test_what_a_customer_may_not_do_is_not_offered(customer: BrowserPage) -> None:
    """No form, no button, and behind the address a page that says why. Red when a customer is shown a manager's form."""
    customer.go("/api/products/")
    assert customer.page.locator("form[data-method], textarea").count() == 0
    assert customer.is_sound()
    assert customer.go("/api/dead-letters/").status == 403
    assert customer.page.get_by_role("heading", name="Forbidden").is_visible()
    assert "This needs the role manager." in customer.text()
    assert customer.complaints == []


def test_whoever_is_not_signed_in_is_led_there_and_back(stranger: BrowserPage) -> None:
    """A page that needs somebody has a link that ends on it. Red when the refusal is a wall, or the query is lost."""
    assert stranger.go("/api/orders/?status=confirmed&page_size=2").status == 401
    stranger.page.get_by_role("link", name="Sign in").click()
    stranger.page.get_by_label("Username or email").fill("alice")
    stranger.page.get_by_label("Password", exact=True).fill("alice")
    stranger.page.get_by_role("button", name="Sign In").click()
    stranger.page.wait_for_url(f"{stranger.gateway}/api/orders/?status=confirmed&page_size=2")
    assert stranger.page.get_by_role("heading", name="Orders", exact=True).is_visible()


def test_a_newcomer_registers_and_leaves(
    stranger: BrowserPage, keycloak: Keycloak, registered: Registered
) -> None:
    """By Keycloak's form, from a link of a service's page; out by its button, here and at Keycloak.

    Red when the links lead elsewhere, or when Keycloak lets the next person in without a password.
    """
    name = f"newcomer-{secrets.token_hex(6)}"
    stranger.go("/api/products/")
    stranger.page.get_by_role("link", name="Create an account").click()
    for field, value in {
        "username": name, "email": f"{name}@example.com", "firstName": "New", "lastName": "Comer",
        "password": PASSWORD, "password-confirm": PASSWORD,
    }.items():  # fmt: skip
        stranger.page.locator(f"[name={field}]").fill(value)
    stranger.page.get_by_role("button", name="Register").click()
    stranger.page.wait_for_url(f"{stranger.gateway}/api/products/")
    assert name in stranger.text()
    account = Account(name, PASSWORD)
    registered(Account(name, PASSWORD, claims_of(keycloak.grant(account)["access_token"])["sub"]))

    stranger.page.get_by_role("button", name="Sign out").click()
    stranger.page.wait_for_url(f"{stranger.gateway}/")
    assert stranger.is_sound()
    assert stranger.page.get_by_role("link", name="Sign in").is_visible()
    assert stranger.cookie("csrftoken") == {}
    assert stranger.go("/api/orders/").status == 401
    stranger.go("/login/")
    assert stranger.page.get_by_label("Password", exact=True).is_visible()


def test_whoever_is_put_out_of_keycloak_is_out_of_here(
    new_window: OpenWindow, keycloak: Keycloak, shopper: Shopper
) -> None:
    """An administrator ends somebody's sessions: Keycloak tells the gateway (back-channel logout).

    Red when the realm does not name the gateway's address, or the gateway does not believe Keycloak.
    """
    window = new_window()
    assert shopper.account
    window.sign_in(shopper.account, "/api/orders/")
    keycloak.put_out(shopper.account)
    eventually(lambda: window.go("/api/orders/").status, (401).__eq__, what="no session any more")
    window.page.context.close()


def _leads_to(window: BrowserPage, link: str) -> int:
    """The answer's status. A service that is slow today is `/health`'s 503 of the moment, and no fault of the link."""
    status = window.go(link).status
    if (link, status) == ("/health", 503):
        window.refused.clear()
    return status


def test_every_link_of_the_home_page_leads_somewhere(boss: BrowserPage, stranger: BrowserPage) -> None:
    """For a manager and for a stranger. Red when a link leads to nothing or to a refusal."""
    for window, least in ((boss, 7), (stranger, 5)):
        window.go("/")
        links = [each.get_attribute("href") or "" for each in window.page.get_by_role("link").all()]
        assert len(links) >= least
        for link in links:
            eventually(partial(_leads_to, window, link), (200).__eq__, within=TERM, what=link)
            window.page.wait_for_load_state()
        assert window.complaints == []
        assert window.refused == []


def test_the_api_is_described_on_a_page(stranger: BrowserPage) -> None:
    """With every operation, and nothing of it from elsewhere. Red when the policy keeps back a script, or the page is empty."""
    stranger.go("/api/docs/")
    stranger.page.get_by_text("/api/orders/{id}/cancel/").first.wait_for()
    stranger.page.wait_for_load_state("networkidle")
    assert stranger.page.locator(".opblock").count() > 30
    assert {origin(each.url) for each in stranger.asked if not each.url.startswith("data:")} == {
        stranger.gateway
    }
    assert stranger.is_sound()


SOCKET = """address => new Promise(done => {
  const socket = new WebSocket(address, ["microcommerce.v1"]);
  socket.onmessage = event => { done(JSON.parse(event.data).event); socket.close(); };
  socket.onerror = () => done("refused");
  socket.onclose = event => done(event.code);
})"""
FORGE = """address => fetch(address, {method: "POST", mode: "no-cors", credentials: "include", body: "{}"})
  .then(() => "sent")"""


def test_a_page_of_ours_hears_its_own_notifications(
    new_window: OpenWindow, shop: Shop, shopper: Shopper
) -> None:
    """The session's cookie opens the socket, and the security policy lets it. Red when either does not."""
    shopper.told(shopper.place((shop.product(stock=1), 1)), "order.confirmed")
    window = new_window()
    assert shopper.account
    window.sign_in(shopper.account)
    socket = window.gateway.replace("http", "ws", 1) + "/ws/notifications/?after=0"
    assert window.page.evaluate(SOCKET, socket) == "order.confirmed"
    window.page.context.close()


def test_a_page_of_another_origin_can_do_nothing_in_ones_name(
    customer: BrowserPage, platform: Platform, keycloak: Keycloak
) -> None:
    """Keycloak's page has another port, so cookies go with its requests: the worst place for an attacker to sit.

    Red when a forged form or a socket is taken for the person's own.
    """
    # A document that stays: the account's page would go on to Keycloak's own sign-in.
    customer.page.goto(f"{platform.urls['keycloak']}/realms/microcommerce/.well-known/openid-configuration")
    customer.forget()
    with customer.page.expect_response(f"{customer.gateway}/api/orders/") as forged:
        customer.page.evaluate(FORGE, f"{customer.gateway}/api/orders/")
    assert forged.value.status == 403, "401 would mean that no cookie came, and nothing was tried"
    socket = customer.gateway.replace("http", "ws", 1) + "/ws/notifications/?after=0"
    assert customer.page.evaluate(SOCKET, socket) == "refused"
