"""A newcomer: registers on Keycloak's own pages, as a browser would, and buys."""

import base64
import hashlib
import html
import re
import secrets
from urllib.parse import parse_qs, urljoin, urlsplit

import requests

from launcher.mails import mails
from launcher.stores.mail import directory
from tests.system.conftest import Registered
from tests.system.keycloak import CLIENT, TIMEOUT, Account, Keycloak, claims_of
from tests.system.platform import INSTANCE, manage
from tests.system.shop import Shop
from tests.system.shopper import Shopper
from tests.system.waiting import eventually

CALLBACK = "http://127.0.0.1/callback"  # nobody listens there: the code is read from the address


def test_a_newcomer_registers_and_buys(keycloak: Keycloak, shop: Shop, registered: Registered) -> None:
    """Whoever fills in the form is a customer at once, and no more than that.

    Red when registration is off, when newcomers get no role, or when they get too much.
    """
    newcomer = f"newcomer-{secrets.token_hex(6)}"
    claims = claims_of(_token(keycloak, newcomer))
    assert claims["realm_access"]["roles"] == ["customer"]
    customer = registered(Account(newcomer, newcomer, claims["sub"]))
    assert customer.id == claims["sub"]
    order_id = customer.place((shop.product(stock=1), 1))
    assert customer.outcome(order_id)["status"] == "confirmed"
    assert customer.send("POST", f"/api/orders/{order_id}/ship/").status_code == 403


def test_who_forgot_the_password_gets_a_mail(keycloak: Keycloak, shopper: Shopper) -> None:
    """Red when Keycloak has nobody to send it: the page says that it was sent all the same."""
    assert shopper.account
    name = shopper.account.username
    with requests.Session() as browser:
        log_in = _open(browser, _authorization(keycloak, secrets.token_urlsafe(48)))
        form = _open(browser, _address_in(log_in, "reset-credentials"))
        _open(browser, _address_in(form, "reset-credentials"), {"username": name})
    mail = eventually(
        lambda: [each for each in mails(directory(INSTANCE)) if each.to == f"{name}@example.com"],
        lambda found: len(found) == 1,
        what="a mail",
    )[0]
    assert f"{keycloak.realm}/login-actions/action-token" in mail.text
    assert f"{name}@example.com" in manage("mail").stdout
    assert "action-token" in manage("mail", str(mail.number)).stdout


def _token(keycloak: Keycloak, newcomer: str) -> str:
    """What the authorization-code flow with PKCE ends in for somebody who registers on the way."""
    verifier = secrets.token_urlsafe(48)
    callback = _register(_authorization(keycloak, verifier), newcomer)
    exchange = {"grant_type": "authorization_code", "client_id": CLIENT, "redirect_uri": CALLBACK}
    code = parse_qs(urlsplit(callback).query)["code"][0]
    return str(
        keycloak.tokens(keycloak.realm, exchange | {"code": code, "code_verifier": verifier})["access_token"]
    )


def _register(address: str, newcomer: str) -> str:
    """Follow the pages from the log-in to the filled-in form; the address to which the browser is sent back."""
    with requests.Session() as browser:
        log_in = _open(browser, address)
        form = _open(browser, _address_in(log_in, "registration"))
        names = {
            "username": newcomer,
            "email": f"{newcomer}@example.com",
            "firstName": "New",
            "lastName": "Comer",
        }
        passwords = {"password": newcomer, "password-confirm": newcomer}
        sent = _open(browser, _address_in(form, "registration"), names | passwords)
    assert sent.status_code == 302, sent.text
    assert sent.headers["Location"].startswith(CALLBACK)
    return sent.headers["Location"]


def _authorization(keycloak: Keycloak, verifier: str) -> str:
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    query = {
        "client_id": CLIENT,
        "response_type": "code",
        "scope": "openid",
        "redirect_uri": CALLBACK,
        "state": secrets.token_urlsafe(8),
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    return (
        requests.Request("GET", f"{keycloak.realm}/protocol/openid-connect/auth", params=query).prepare().url
        or ""
    )


def _open(browser: requests.Session, url: str, form: dict[str, str] | None = None) -> requests.Response:
    answer = browser.request(
        "POST" if form else "GET", url, data=form, timeout=TIMEOUT, allow_redirects=False
    )
    for cookie in browser.cookies:
        cookie.secure = False  # browsers take http://localhost for secure, too
    return answer


def _address_in(page: requests.Response, name: str) -> str:
    """The address of Keycloak's action `name` that a link or a form of the page leads to."""
    found = re.search(rf'(?:href|action)="([^"]*/login-actions/{name}[^"]*)"', page.text)
    assert found, page.text
    return urljoin(page.url, html.unescape(found[1]))
