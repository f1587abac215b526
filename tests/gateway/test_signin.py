"""Sign-in with a browser, against the real Keycloak."""

import hashlib
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import settings
from redis import Redis

from tests.gateway.browser import Browser
from tests.gateway.conftest import StartGateway
from tests.gateway.process import GatewayProcess, free_port
from tests.gateway.services import EchoService
from tests.gateway.test_websocket import OURS, SOON, close_of, opened, refused

BASKET, ORDERS = "/api/basket/", "/api/orders/"


@pytest.fixture(scope="module")
def real(start_gateway: StartGateway, clean_redis: Redis) -> Iterator[GatewayProcess]:
    """A gateway that signs in with the Keycloak that runs."""
    with start_gateway(KEYCLOAK_URL=settings.ENVIRONMENT.keycloak_url) as gateway:
        _warm_up(gateway)
        yield gateway


def _warm_up(gateway: GatewayProcess) -> None:
    """Sign in until it works: a Keycloak that has just started may take longer than the gateway waits for it."""
    deadline = time.monotonic() + 60
    while (answer := Browser(gateway).register()).status != 302:
        assert time.monotonic() < deadline, answer.body


@pytest.fixture(scope="module")
def member(real: GatewayProcess) -> Browser:
    """A browser in which somebody has just registered."""
    browser = Browser(real)
    assert browser.register("/register/?next=/session/").headers["Location"] == "/session/"
    return browser


@pytest.fixture
def signed_in(member: Browser, service: EchoService) -> Browser:
    """The same, with a service that has seen nothing."""
    return member


def record(redis: Redis, browser: Browser) -> dict[str, Any]:
    """What is kept for a browser."""
    found: Any = redis.get(f"gateway:tokens:{browser.cookies['session']}")
    return dict(json.loads(found))


def expire(redis: Redis, browser: Browser, *, seconds_ago: float = 1) -> None:
    """Make the gateway believe that the browser's access token has run out."""
    kept = {**record(redis, browser), "expires_at": time.time() - seconds_ago}
    redis.set(f"gateway:tokens:{browser.cookies['session']}", json.dumps(kept), keepttl=True)
    time.sleep(1.1)  # what was looked up a moment ago is forgotten


def test_sign_in_asks_keycloak_with_everything_that_makes_it_safe(real: GatewayProcess) -> None:
    answer = Browser(real).call("GET", "/login/")
    address = urlsplit(answer.headers["Location"])
    query = {name: values[0] for name, values in parse_qs(address.query).items()}
    assert answer.status == 302
    assert f"{address.scheme}://{address.netloc}{address.path}" == (
        f"{settings.ENVIRONMENT.issuer}/protocol/openid-connect/auth"
    )
    assert query["response_type"] == "code"
    assert query["redirect_uri"] == f"{OURS}/oidc/callback/"
    assert query["code_challenge_method"] == "S256"
    assert len(query["code_challenge"]) == 43
    assert len(query["state"]) >= 32
    assert len(query["nonce"]) >= 32


def test_the_session_cookie_is_out_of_reach_of_scripts_and_other_sites(real: GatewayProcess) -> None:
    line = Browser(real).call("GET", "/login/").headers["Set-Cookie"].lower()
    assert line.startswith("session=")
    assert "httponly" in line
    assert "samesite=lax" in line


def test_whoever_registers_is_signed_in_as_a_customer(signed_in: Browser) -> None:
    session = signed_in.call("GET", "/session/").json()
    assert session["is_signed_in"] is True
    assert session["is_manager"] is False
    assert session["csrf_token"] == signed_in.cookies["csrftoken"]
    assert signed_in.call("GET", BASKET).status == 200


def test_the_service_gets_the_token_and_no_cookie(
    signed_in: Browser, service: EchoService, clean_redis: Redis
) -> None:
    signed_in.call("GET", BASKET)
    assert service.seen[0].header("Authorization") == [f"Bearer {record(clean_redis, signed_in)['access']}"]
    assert service.seen[0].header("Cookie") == []


def test_no_token_ever_reaches_the_browser(signed_in: Browser, clean_redis: Redis) -> None:
    kept = record(clean_redis, signed_in)
    for value in signed_in.cookies.values():
        assert kept["access"] not in value
        assert kept["refresh"] not in value
    assert kept["access"].encode() not in signed_in.call("GET", "/session/").body


def test_a_role_is_missing_in_a_browser_too(signed_in: Browser, service: EchoService) -> None:
    assert signed_in.post("/api/products/").status == 403
    assert service.seen == []


def test_an_unsafe_request_needs_a_proof(signed_in: Browser, service: EchoService) -> None:
    answer = signed_in.call("POST", ORDERS, body=b"{}")
    assert (answer.status, answer.problem) == (403, "csrf-proof-missing")
    wrong = hashlib.sha256(b"guess").hexdigest()
    assert signed_in.call("POST", ORDERS, ("X-CSRFToken", wrong), body=b"{}").status == 403
    assert signed_in.call("POST", ORDERS, ("X-CSRFToken", ""), body=b"{}").status == 403
    assert service.seen == []


def test_the_sessions_own_token_is_a_proof(signed_in: Browser, service: EchoService) -> None:
    assert signed_in.post(ORDERS).status == 200
    assert service.seen[0].header("X-CSRFToken") == []


def test_the_browsers_word_is_a_proof(signed_in: Browser) -> None:
    assert signed_in.call("POST", ORDERS, ("Sec-Fetch-Site", "same-origin"), body=b"{}").status == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none", ""])
def test_the_browsers_word_about_other_sites_is_none(site: str, signed_in: Browser) -> None:
    assert signed_in.call("POST", ORDERS, ("Sec-Fetch-Site", site), body=b"{}").status == 403


def test_a_foreign_origin_is_refused_even_with_the_token(signed_in: Browser) -> None:
    proof = ("X-CSRFToken", signed_in.cookies["csrftoken"])
    assert signed_in.call("POST", ORDERS, proof, ("Origin", "http://evil.example"), body=b"{}").status == 403
    assert signed_in.call("POST", ORDERS, proof, ("Origin", OURS), body=b"{}").status == 200


def test_a_bearer_token_needs_no_proof(signed_in: Browser, clean_redis: Redis) -> None:
    token = ("Authorization", f"Bearer {record(clean_redis, signed_in)['access']}")
    assert signed_in.call("POST", ORDERS, token, body=b"{}").status == 200


@pytest.mark.parametrize(
    "cookie", ["session=" + "a" * 32, "session=", "session=../../etc", "other=1", "session=é"]
)
def test_a_made_up_session_is_no_session(cookie: str, real: GatewayProcess) -> None:
    assert real.call("GET", BASKET, ("Cookie", cookie)).status == 401
    assert real.call("GET", "/api/products/", ("Cookie", cookie)).status == 200


def test_tokens_are_renewed_before_they_end(signed_in: Browser, clean_redis: Redis) -> None:
    before = record(clean_redis, signed_in)
    expire(clean_redis, signed_in)
    assert signed_in.call("GET", BASKET).status == 200
    after = record(clean_redis, signed_in)
    assert after["access"] != before["access"]
    assert after["refresh"] != before["refresh"]
    assert after["expires_at"] > time.time() + 200


def test_many_requests_at_once_renew_once(
    signed_in: Browser, start_gateway: StartGateway, clean_redis: Redis
) -> None:
    with start_gateway(KEYCLOAK_URL=settings.ENVIRONMENT.keycloak_url) as other:
        for _ in range(3):
            # Due, and good for a little longer: where renewing takes its time, those who wait for it go on as well.
            expire(clean_redis, signed_in, seconds_ago=-20)
            elsewhere = Browser(other, dict(signed_in.cookies))
            with ThreadPoolExecutor(16) as pool:
                calls = [
                    pool.submit(each.call, "GET", BASKET) for each in (signed_in, elsewhere) for _ in range(8)
                ]
                statuses = [call.result().status for call in calls]
            assert statuses == [200] * 16, "a refresh token that is used twice ends the session"


def test_while_keycloak_is_away_tokens_are_used_to_their_end(
    signed_in: Browser, start_gateway: StartGateway, clean_redis: Redis
) -> None:
    with start_gateway(KEYCLOAK_URL=f"http://127.0.0.1:{free_port()}") as cut_off:
        browser = Browser(cut_off, dict(signed_in.cookies))
        expire(clean_redis, signed_in, seconds_ago=-25)  # due for renewal, still good
        assert browser.call("GET", BASKET).status == 200
        expire(clean_redis, signed_in)
        answer = browser.call("GET", BASKET)
        assert (answer.status, answer.problem) == (503, "sessions-unavailable")
        assert browser.call("GET", "/api/products/").status == 200
    assert signed_in.call("GET", BASKET).status == 200


def test_without_redis_a_browser_is_anonymous_where_anyone_may_look(
    signed_in: Browser, start_gateway: StartGateway
) -> None:
    with start_gateway(REDIS_URL=f"redis://127.0.0.1:{free_port()}/0") as gateway:
        browser = Browser(gateway, dict(signed_in.cookies))
        assert browser.call("GET", "/api/products/").status == 200
        assert browser.call("GET", BASKET).status == 503


def test_a_socket_opens_with_the_cookie(signed_in: Browser, service: EchoService, clean_redis: Redis) -> None:
    cookie = ("Cookie", f"session={signed_in.cookies['session']}")
    with opened(signed_in.gateway, cookie, origin=OURS) as socket:
        socket.send("a")
        assert socket.recv(timeout=SOON) == "echo a"
    assert service.sockets[0].header("Authorization") == [
        f"Bearer {record(clean_redis, signed_in)['access']}"
    ]
    assert service.sockets[0].header("Cookie") == []
    assert refused(signed_in.gateway, cookie, origin="http://evil.example") == 403


def test_a_socket_with_a_made_up_cookie_is_closed_with_4401(real: GatewayProcess) -> None:
    with opened(real, ("Cookie", "session=" + "b" * 32), origin=OURS) as socket:
        assert close_of(socket) == 4401


def test_a_state_that_this_browser_did_not_ask_for_is_refused(
    real: GatewayProcess, signed_in: Browser
) -> None:
    begun = Browser(real)
    begun.call("GET", "/login/")
    for target in (
        "/oidc/callback/?code=a&state=b",
        "/oidc/callback/?state=b",
        "/oidc/callback/",
        "/oidc/callback/?error=x",
    ):
        answer = begun.call("GET", target)
        assert answer.status == 400
        assert b"/login/" in answer.body
    assert begun.call("GET", BASKET).status == 401


def test_a_code_of_another_browser_signs_nobody_in(real: GatewayProcess) -> None:
    attacker, victim = Browser(real), Browser(real)
    victim.call("GET", "/login/")
    stolen = attacker.submit_registration()
    assert victim.come_back(stolen).status == 400
    assert victim.call("GET", BASKET).status == 401


def test_a_code_works_once(real: GatewayProcess) -> None:
    browser = Browser(real)
    location = browser.submit_registration()
    assert browser.come_back(location).status == 302
    assert browser.come_back(location).status == 400


def test_signing_in_changes_the_session_key(real: GatewayProcess) -> None:
    browser = Browser(real)
    location = browser.submit_registration()
    planted = browser.cookies["session"]
    browser.come_back(location)
    assert browser.cookies["session"] != planted
    assert real.call("GET", BASKET, ("Cookie", f"session={planted}")).status == 401


@pytest.mark.parametrize(
    "target", ["http://evil.example/", "//evil.example/", "https:evil.example", "javascript:alert(1)"]
)
def test_sign_in_leads_back_to_our_own_pages_only(target: str, real: GatewayProcess) -> None:
    browser = Browser(real)
    assert browser.register(f"/register/?next={target}").headers["Location"] == "/"


def test_sign_out_ends_the_session_here_and_with_keycloak(real: GatewayProcess) -> None:
    browser = Browser(real)
    browser.register()
    old = dict(browser.cookies)
    assert browser.call("POST", "/logout/", body=b"").status == 403
    answer = browser.call("POST", "/logout/", ("X-CSRFToken", browser.cookies["csrftoken"]), body=b"")
    assert answer.status == 302
    assert browser.cookies == {}
    assert Browser(real, old).call("GET", BASKET).status == 401
    ended = browser.keycloak.get(answer.headers["Location"], allow_redirects=False, timeout=30)
    assert ended.headers["Location"] == f"{OURS}/"
    again = browser.keycloak.get(
        browser.call("GET", "/login/").headers["Location"], allow_redirects=False, timeout=30
    )
    assert again.status_code == 200, "Keycloak asks for a password again"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_link_cannot_sign_out(method: str, signed_in: Browser) -> None:
    assert signed_in.call(method, "/logout/").status == 405


@pytest.mark.parametrize("token", ["", "a.b.c", "id token", "access token"])
def test_only_a_logout_token_ends_a_session_from_behind(
    token: str, signed_in: Browser, clean_redis: Redis
) -> None:
    kept = record(clean_redis, signed_in)
    sent = {"id token": kept["id"], "access token": kept["access"]}.get(token, token)
    form = ("Content-Type", "application/x-www-form-urlencoded")
    answer = signed_in.gateway.call(
        "POST", "/oidc/backchannel-logout/", form, body=f"logout_token={sent}".encode()
    )
    assert answer.status == 400
    assert signed_in.call("GET", BASKET).status == 200


def test_a_session_that_ends_with_keycloak_ends_here(real: GatewayProcess, clean_redis: Redis) -> None:
    browser = Browser(real)
    browser.register()
    sid = record(clean_redis, browser)["realm_session"]
    assert (
        real.call("GET", f"/oidc/frontchannel-logout/?iss={settings.ENVIRONMENT.issuer}&sid=other").status
        == 200
    )
    assert browser.call("GET", BASKET).status == 200
    assert (
        real.call("GET", f"/oidc/frontchannel-logout/?iss={settings.ENVIRONMENT.issuer}&sid={sid}").status
        == 200
    )
    assert browser.call("GET", BASKET).status == 401


def test_the_home_page_says_who_is_signed_in(signed_in: Browser, real: GatewayProcess) -> None:
    name = signed_in.call("GET", "/session/").json()["username"]
    assert name.encode() in signed_in.call("GET", "/").body
    assert b"/login/" in real.call("GET", "/").body


def test_a_form_that_is_too_large_is_refused(real: GatewayProcess) -> None:
    answer = real.call("POST", "/oidc/backchannel-logout/", body=b"a" * 70_000)
    assert (answer.status, answer.problem) == (413, "content-too-large")
