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

from tests.gateway.browser import SESSION, SIGN_IN, Browser
from tests.gateway.client import as_customer
from tests.gateway.conftest import StartGateway
from tests.gateway.process import GatewayProcess, free_port
from tests.gateway.proxy.test_websocket_proxy import OURS, SOON, close_of, opened, refused
from tests.gateway.services import EchoService

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
    found: Any = redis.get(f"gateway:tokens:{browser.cookies[SESSION]}")
    return dict(json.loads(found))


def expire(redis: Redis, browser: Browser, *, seconds_ago: float = 1) -> None:
    """Make the gateway believe that the browser's access token has run out."""
    rewrite(redis, browser, expires_at=time.time() - seconds_ago)


def rewrite(redis: Redis, browser: Browser, **changed: Any) -> None:
    """Keep something else for a browser."""
    kept = {**record(redis, browser), **changed}
    redis.set(f"gateway:tokens:{browser.cookies[SESSION]}", json.dumps(kept), keepttl=True)
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


@pytest.mark.parametrize("path", ["/login/", "/register/"])
def test_a_head_leads_to_keycloak_too(path: str, real: GatewayProcess) -> None:
    """Red when a view of the library is asked for a method that the route table offers and it does not."""
    answer = Browser(real).call("HEAD", path)
    assert (answer.status, answer.body) == (302, b"")
    assert answer.headers["Location"].startswith(settings.ENVIRONMENT.issuer)


def test_the_cookies_are_out_of_reach_of_scripts_and_other_sites(real: GatewayProcess) -> None:
    browser = Browser(real)
    pending = browser.call("GET", "/login/").headers["Set-Cookie"].lower()
    begun = browser.register().headers.get_all("Set-Cookie") or []
    signed_in = next(line.lower() for line in begun if line.startswith(f"{SESSION}="))
    for line, name, seconds in ((pending, SIGN_IN, 600), (signed_in, SESSION, 36000)):
        assert line.startswith(f"{name}=")
        assert "httponly" in line
        assert "samesite=lax" in line
        assert f"max-age={seconds};" in line


def test_asking_for_the_sign_in_page_stores_nothing(real: GatewayProcess, clean_redis: Redis) -> None:
    """Red when a session is made for whoever asks: that Redis evicts nothing, and the baskets are in it."""
    before = _kept(clean_redis)
    for path in ("/login/", "/register/?next=/api/basket/", "/oidc/callback/?code=a&state=b") * 20:
        assert real.call("GET", path).status in {302, 400}
    assert _kept(clean_redis) == before


def _kept(redis: Redis) -> set[bytes]:
    """The names in Redis, without those of the rate limits, which go by themselves."""
    names: Any = redis.keys()
    return {name for name in names if b":limit:" not in name}


def test_one_user_has_so_many_sessions_and_no_more(start_gateway: StartGateway, clean_redis: Redis) -> None:
    """Signing in again ends a browser's own session first, and one session too many ends the oldest."""
    with start_gateway(KEYCLOAK_URL=settings.ENVIRONMENT.keycloak_url, SESSIONS_PER_USER="2") as gateway:
        browsers = [Browser(gateway)]
        browsers[0].register()
        cookie = browsers[0].cookies[SESSION]
        _again(browsers[0])
        assert browsers[0].cookies[SESSION] != cookie
        assert clean_redis.exists(f"gateway:tokens:{cookie}") == 0
        for _ in range(2):
            browsers.append(Browser(gateway, keycloak=browsers[0].keycloak))
            _again(browsers[-1])
        time.sleep(1.1)  # what was looked up a moment ago is forgotten
        assert [browser.call("GET", BASKET).status for browser in browsers] == [401, 200, 200]
        user = record(clean_redis, browsers[2])["subject"]
        assert clean_redis.zcard(f"gateway:sessions:{user}") == 2
        browsers[2].call("POST", "/logout/", ("X-CSRFToken", browsers[2].cookies["csrftoken"]), body=b"")
        assert clean_redis.zcard(f"gateway:sessions:{user}") == 1


def _again(browser: Browser) -> None:
    """Sign in with the session that the browser has with Keycloak."""
    browser.pass_through(browser.call("GET", "/login/").headers["Location"])


def test_several_tabs_sign_in_and_each_comes_back_to_its_own_page(real: GatewayProcess) -> None:
    """Red when a tab's sign-in takes the place of another's, or is lost when another one is done."""
    browser = Browser(real)
    browser.register()
    wanted = ["/api/basket/?tab=0", "/api/orders/", "/api/basket/?tab=2"]
    there = [browser.call("GET", f"/login/?next={page}").headers["Location"] for page in wanted]
    for address, page in zip(there, wanted, strict=True):
        assert browser.pass_through(address).headers["Location"] == page
    assert SIGN_IN not in browser.cookies, "nothing is under way any more"


def test_the_cookie_of_a_sign_in_stays_as_small_as_browsers_keep_it(real: GatewayProcess) -> None:
    browser = Browser(real)
    browser.register()
    for number in range(20):
        browser.call("GET", f"/login/?next=/{'%C3%A9' * 100}{number}")
        assert len(browser.cookies[SIGN_IN]) < 4000
    newest = browser.call("GET", "/login/?next=/" + "a" * 1900).headers["Location"]
    browser.call("GET", "/login/?next=/" + "a" * 5000)  # longer than is remembered: to the home page
    assert browser.pass_through(newest).headers["Location"] == "/" + "a" * 1900


def test_a_sign_in_that_somebody_wrote_is_none(real: GatewayProcess) -> None:
    """Red when the cookie is believed without its signature."""
    browser = Browser(real)
    location = browser.submit_registration()
    payload, *signature = browser.cookies[SIGN_IN].split(":")
    browser.cookies[SIGN_IN] = ":".join([payload[:-1] + ("A" if payload[-1] != "A" else "B"), *signature])
    assert browser.come_back(location).status == 400


@pytest.mark.parametrize("refresh", ["good", "bad"])
def test_a_token_that_no_longer_verifies_is_renewed_or_forgotten(
    refresh: str, real: GatewayProcess, clean_redis: Redis
) -> None:
    """As after the realm's keys were exchanged. Red when the browser is refused what anyone may see."""
    browser = Browser(real)
    browser.register()
    kept = record(clean_redis, browser)
    rewrite(clean_redis, browser, access="a.b.c", **({} if refresh == "good" else {"refresh": "x"}))
    time.sleep(1.1)  # what was looked up a moment ago is forgotten
    assert browser.call("GET", "/login/").status == 302
    assert browser.call("GET", "/session/").json()["is_signed_in"] is (refresh == "good")
    answer = browser.call("GET", BASKET)
    assert answer.status == (200 if refresh == "good" else 401)
    if refresh == "bad":
        assert answer.headers["WWW-Authenticate"] == "Bearer", "no token was sent"
    left = (f"gateway:realm-session:{kept['realm_session']}", f"gateway:sessions:{kept['subject']}")
    assert clean_redis.exists(*left) == (2 if refresh == "good" else 0)


def test_a_bad_session_is_none_while_keycloak_is_away(
    signed_in: Browser, start_gateway: StartGateway, clean_redis: Redis
) -> None:
    good = record(clean_redis, signed_in)["access"]
    with start_gateway(KEYCLOAK_URL=f"http://127.0.0.1:{free_port()}") as cut_off:
        browser = Browser(cut_off, dict(signed_in.cookies))
        rewrite(clean_redis, signed_in, access="a.b.c")
        assert browser.call("GET", "/login/").status == 302
        assert browser.call("GET", "/api/products/").status == 200
        assert browser.call("GET", BASKET).status == 503
    rewrite(clean_redis, signed_in, access=good)
    time.sleep(1.1)


def test_a_cookie_of_another_program_locks_nobody_out(signed_in: Browser) -> None:
    """Red when the first cookie of a name decides: all programs on localhost share their cookies."""
    ours = f"{SESSION}={signed_in.cookies[SESSION]}"
    for foreign in ("session=eyJfZmxhc2giOltdfQ.Zx", f"{SESSION}=eyJfZmxhc2giOltdfQ.Zx; {SESSION}=", "a=b"):
        assert signed_in.gateway.call("GET", BASKET, ("Cookie", f"{foreign}; {ours}")).status == 200


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
    "cookie", [f"{SESSION}=" + "a" * 32, f"{SESSION}=", f"{SESSION}=../../etc", "other=1", f"{SESSION}=é"]
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
    cookie = ("Cookie", f"{SESSION}={signed_in.cookies[SESSION]}")
    with opened(signed_in.gateway, cookie, origin=OURS) as socket:
        socket.send("a")
        assert socket.recv(timeout=SOON) == "echo a"
    assert service.sockets[0].header("Authorization") == [
        f"Bearer {record(clean_redis, signed_in)['access']}"
    ]
    assert service.sockets[0].header("Cookie") == []
    assert refused(signed_in.gateway, cookie, origin="http://evil.example") == 403


def test_a_socket_with_a_made_up_cookie_is_closed_with_4401(real: GatewayProcess) -> None:
    with opened(real, ("Cookie", f"{SESSION}=" + "b" * 32), origin=OURS) as socket:
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
    planted = browser.cookies[SESSION] = "c" * 32
    browser.come_back(location)
    assert browser.cookies[SESSION] != planted
    assert real.call("GET", BASKET, ("Cookie", f"{SESSION}={planted}")).status == 401


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


def test_a_compressed_form_is_refused(gateway: GatewayProcess) -> None:
    """Red when what cannot be read is taken for an empty form. Services judge their own bodies."""
    gzip = ("Content-Encoding", "gzip")
    answer = gateway.call("POST", "/oidc/backchannel-logout/", gzip, body=b"a")
    assert (answer.status, answer.problem) == (415, "unsupported-media-type")
    assert answer.headers["Accept-Encoding"] == "identity"
    assert gateway.call("POST", "/api/orders/", as_customer(), gzip, body=b"a").status == 200


def test_a_form_that_is_too_large_is_refused(real: GatewayProcess) -> None:
    answer = real.call("POST", "/oidc/backchannel-logout/", body=b"a" * 70_000)
    assert (answer.status, answer.problem) == (413, "content-too-large")
