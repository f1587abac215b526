"""The route table: what it says is what happens, for every address, method and caller."""

import json
import re
from collections.abc import Iterator

import pytest

from gateway.route_types import HERE, WEBSOCKET, Role, Route
from gateway.router import InvalidRouteTable, RouteMatch, Router
from gateway.routes import ROUTES
from tests.accept import BROWSER
from tests.gateway.client import as_customer, as_manager
from tests.gateway.conftest import StartGateway
from tests.gateway.process import GatewayProcess
from tests.gateway.services import EchoService

METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
CALLERS = ("nobody", "a bad token", "customer", "manager")
PLACES = [place for place in Router(ROUTES).matches() if place.allow]
FORWARDED = [place for place in PLACES if all(route.to != HERE for route in place.routes.values())]
OWN = [place for place in PLACES if place.routes and place not in FORWARDED]
SERVICES = {route.to for route in ROUTES} - {HERE}


@pytest.fixture(scope="module")
def full(start_gateway: StartGateway, echo: EchoService) -> Iterator[GatewayProcess]:
    """A gateway behind which every service answers everything with 200."""
    with start_gateway(UPSTREAMS=json.dumps(dict.fromkeys(SERVICES, echo.url))) as gateway:
        yield gateway


def _headers(caller: str) -> list[tuple[str, str]]:
    made = {
        "a bad token": ("Authorization", "Bearer a.b.c"),
        "customer": as_customer(),
        "manager": as_manager(),
    }
    return [made[caller]] if caller in made else []


def _expected(route: Route | None, caller: str) -> int:
    if route is None:
        return 405
    if caller == "a bad token":
        return 401
    if route.who is Role.ANYONE:
        return 200
    if caller == "nobody":
        return 401
    return 403 if route.who is Role.MANAGER and caller == "customer" else 200


def _its_caller(place: RouteMatch) -> list[tuple[str, str]]:
    """What somebody sends who may use the place."""
    return [as_manager()] if any(route.who is Role.MANAGER for route in place.routes.values()) else []


def _address(place: RouteMatch) -> str:
    return re.sub(r"\{\w+(\.\.\.)?\}", "6a0f-1.x", place.path)


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("place", FORWARDED, ids=lambda place: place.path)
def test_each_row_lets_in_whom_it_names(
    place: RouteMatch, method: str, caller: str, full: GatewayProcess, service: EchoService
) -> None:
    answer = full.call(method, _address(place), *_headers(caller))

    expected = _expected(place.routes.get(method), caller)
    assert answer.status == expected
    assert [seen.target for seen in service.seen] == ([_address(place)] if expected == 200 else [])
    if expected == 405:
        assert answer.headers["Allow"] == place.allow.decode()
    elif expected == 401:
        wanted = 'Bearer error="invalid_token"' if caller == "a bad token" else "Bearer"
        assert answer.headers["WWW-Authenticate"] == wanted
    if expected != 200 and method != "HEAD":
        assert (
            answer.problem
            == {401: "not-authenticated", 403: "forbidden", 405: "method-not-allowed"}[expected]
        )


@pytest.mark.parametrize("place", OWN, ids=lambda place: place.path)
def test_the_gateways_own_pages_say_what_can_be_done_there(
    place: RouteMatch, gateway: GatewayProcess
) -> None:
    """Red when OPTIONS is refused, does what GET does, or keeps a method to itself."""
    address = re.sub(r"\{.*\}", "x.css", place.path)
    answer = gateway.call("OPTIONS", address, *_its_caller(place))
    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["Allow"] == place.allow.decode()
    assert answer.headers["Set-Cookie"] is None


@pytest.mark.parametrize(
    "place", [place for place in OWN if "GET" in place.routes], ids=lambda place: place.path
)
def test_whoever_may_get_a_page_of_the_gateways_may_ask_for_its_head(
    place: RouteMatch, gateway: GatewayProcess
) -> None:
    """Red when a page's view knows fewer methods than the table says."""
    address = place.path.replace("{slug}", "not-found").replace("{file...}", "gateway/icon.svg")
    head, get = (gateway.call(method, address, *_its_caller(place)) for method in ("HEAD", "GET"))
    assert (head.status, head.body) == (get.status, b"")
    assert head.status != 405
    assert head.headers["Content-Type"] == get.headers["Content-Type"]


@pytest.mark.parametrize("method", ["TRACE", "PROPFIND", "LINK"])
def test_an_unusual_method_reaches_no_service(
    method: str, gateway: GatewayProcess, service: EchoService
) -> None:
    assert gateway.call(method, "/api/products/").status == 405
    assert service.seen == []


@pytest.mark.parametrize(
    "path",
    [
        "/api/nothing/",
        "/api/nothing",
        "/metrics",
        "/admin/nowhere/",
        "/api/products/1/2/",
        "/ws/",
        "/favicon.png",
    ],
)
def test_an_address_without_a_row_does_not_exist(
    path: str, gateway: GatewayProcess, service: EchoService
) -> None:
    answer = gateway.call("GET", path, as_manager())
    assert (answer.status, answer.problem) == (404, "not-found")
    assert service.seen == []


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("path", "there"),
    [("/api", "/api/"), ("/api/products?a=1&a=%2F", "/api/products/?a=1&a=%2F"), ("/admin", "/admin/")],
)
def test_who_reads_is_led_to_the_address_with_its_slash(
    method: str, path: str, there: str, gateway: GatewayProcess
) -> None:
    """With the query. Red without `MovedTo`."""
    answer = gateway.call(method, path)
    assert (answer.status, answer.headers["Location"], answer.body) == (308, there, b"")


@pytest.mark.parametrize("path", ["/api/products", "/api/orders/1/ship"])
def test_who_writes_is_told_of_the_missing_slash(path: str, gateway: GatewayProcess) -> None:
    """A body is sent once, to where it was meant. Red where a write is led on."""
    answer = gateway.call("POST", path, as_manager(), body=b"{}")
    assert (answer.status, answer.problem) == (404, "not-found")
    assert "Did you mean /api/" in answer.json()["detail"]
    if path.endswith("ship"):
        assert gateway.call("GET", path, as_manager()).status == 404, "there is nothing for a program to read"


@pytest.mark.parametrize("place", [place for place in FORWARDED if place.form], ids=lambda place: place.path)
def test_a_browser_is_led_to_the_page_of_an_action(place: RouteMatch, full: GatewayProcess) -> None:
    """With the role of the action; programs are told 405 as ever. Red without `RouteMatch.form`."""
    browser, path = ("Accept", BROWSER), _address(place)
    assert place.form
    for caller in CALLERS:
        assert full.call("GET", path, browser, *_headers(caller)).status == _expected(place.form, caller), (
            caller
        )
    program = full.call("GET", path, as_manager())
    assert (program.status, program.problem) == (405, "method-not-allowed")
    assert "GET" not in program.headers["Allow"]


def test_only_what_can_be_done_has_a_page_of_an_action() -> None:
    """Red where a place with something to read, a page of the gateway or an admin has one."""
    found = {place.path for place in Router(ROUTES).matches() if place.form}
    assert "/api/orders/{id}/ship/" in found
    assert found <= {path for path in (place.path for place in FORWARDED) if path.startswith("/api/")}
    assert not found & {route.path for route in ROUTES if "GET" in route.methods.split()}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/api/nothing/", 404), ("DELETE", "/api/products/", 405), ("GET", "/api/dead-letters/", 403)],
)
def test_a_page_of_a_refusal_says_who_is_signed_in(
    method: str, path: str, status: int, gateway: GatewayProcess
) -> None:
    """Also where nobody had to ask. Red without `identify_refused`."""
    answer = gateway.call(method, path, ("Accept", BROWSER), as_customer())
    assert answer.status == status
    assert b"(customer)" in answer.body
    stranger = gateway.call(
        "GET", "/api/nothing/?a=1", ("Accept", BROWSER), ("Authorization", "Bearer a.b.c")
    )
    assert stranger.status == 404, "what was asked for is not there, whoever asks"
    assert b'href="/login/?next=%2Fapi%2Fnothing%2F%3Fa%3D1"' in stranger.body


@pytest.mark.parametrize("path", ["/api//", "/api/%2e%2e/"])
def test_a_page_says_nothing_of_who_it_is_where_nobody_asked(path: str, gateway: GatewayProcess) -> None:
    """Red where "Not signed in" is said to somebody who is. Red without `is_unknown`."""
    answer = gateway.call("GET", path, ("Accept", BROWSER), as_customer())
    assert (answer.status, answer.headers["Content-Type"]) == (400, "text/html; charset=utf-8")
    assert b"Not signed in" not in answer.body
    assert b"(customer)" not in answer.body


def test_people_are_told_who_they_are_and_nothing_of_tokens(gateway: GatewayProcess) -> None:
    """Red without `browsable/refused.html`: `Authorization: Bearer` is for programs, which read it in JSON."""
    stranger = gateway.call("GET", "/api/orders/", ("Accept", BROWSER)).body
    assert b"You are signed out." in stranger
    assert b"Authorization" not in stranger
    customer = gateway.call("GET", "/api/dead-letters/", ("Accept", BROWSER), as_customer()).body
    assert b"This needs the role manager." in customer
    assert b"with the role customer" in customer


def test_format_decides_as_the_services_have_it(full: GatewayProcess) -> None:
    """Contract, section 3. Red where the gateway looks at `Accept` only."""
    index = full.call("GET", "/api/?format=api")
    assert index.headers["Content-Type"] == "text/html; charset=utf-8"
    ship = "/api/orders/1/ship/"
    assert full.call("GET", f"{ship}?format=api", as_manager()).status == 200
    browser = ("Accept", BROWSER)
    refused = full.call("GET", f"{ship}?format=json", browser, as_manager())
    assert (refused.status, refused.problem) == (405, "method-not-allowed")
    other = full.call("GET", "/api/nothing/?format=json&format=", browser)
    assert other.headers["Content-Type"] == "application/problem+json"


def test_a_head_of_a_page_of_an_action_is_refused_as_for_programs(full: GatewayProcess) -> None:
    """Red where HEAD goes on to the service, which has GET pages only."""
    for path in ("/api/orders/1/ship/", "/api/orders/1/ship"):
        browser = full.call("HEAD", path, ("Accept", BROWSER), as_manager())
        assert browser.status == full.call("HEAD", path, as_manager()).status


def test_the_way_to_the_page_of_an_action_is_for_browsers_only(full: GatewayProcess) -> None:
    """308 for some and 404 for others. Red where a cache is not told."""
    led = full.call("GET", "/api/orders/1/ship", ("Accept", BROWSER), as_manager())
    assert (led.status, led.headers["Vary"]) == (308, "Accept")


@pytest.mark.parametrize("path", ["/problems/", "/problems/not-found", "/api/docs/", "/api/"])
def test_a_page_that_says_who_is_signed_in_is_kept_nowhere(path: str, gateway: GatewayProcess) -> None:
    """Red where it may be shown again after signing out."""
    kept = gateway.call("GET", path, ("Accept", BROWSER), as_customer()).headers["Cache-Control"]
    assert set(kept.split(", ")) == {"private", "no-store"}


@pytest.mark.parametrize("caller", ["nobody", "customer", "manager"])
def test_the_index_says_what_the_caller_may_do(caller: str, gateway: GatewayProcess) -> None:
    """All of it and nothing else, in JSON and with links on a page. Red without `admits` in `gateway/pages/api_index.py`."""
    answer = gateway.call("GET", "/api/", *_headers(caller))
    assert answer.headers["Content-Type"] == "application/json"
    found = {(each["method"], each["path"]) for each in answer.json()["operations"]}
    assert found == {
        (method, place.path)
        for place in FORWARDED
        for method, route in place.routes.items()
        if place.path.startswith("/api/")
        and method not in {"HEAD", "OPTIONS"}
        and _expected(route, caller) == 200
    }
    assert all(each["summary"] for each in answer.json()["operations"])
    page = gateway.call("GET", "/api/", ("Accept", BROWSER), *_headers(caller)).body.decode()
    links = set(re.findall(r'<li><a href="(/api/[^"]*)"', page))
    assert links == {path for method, path in found if method == "GET" and "{" not in path}


def test_a_socket_address_asks_for_a_socket(gateway: GatewayProcess) -> None:
    answer = gateway.call("GET", "/ws/notifications/", as_customer())
    assert (answer.status, answer.problem) == (426, "upgrade-required")
    assert (answer.headers["Upgrade"], answer.headers.get_all("Connection")) == ("websocket", ["Upgrade"])


def test_a_query_goes_on_unchanged(gateway: GatewayProcess, service: EchoService) -> None:
    target = "/api/products/?search=a%2Fb&min_price=1.50&ordering=-price&x[]=%00"
    assert gateway.call("GET", target).status == 200
    assert service.seen[0].target == target


def test_a_head_answer_has_the_length_and_no_body(gateway: GatewayProcess) -> None:
    answer = gateway.call("HEAD", "/api/products/")
    assert (answer.status, answer.body) == (200, b"")
    assert int(answer.headers["Content-Length"]) > 0


@pytest.mark.parametrize("status", [200, 201, 204, 304, 400, 404, 409, 412, 418, 500])
def test_whatever_the_service_answers_comes_back(status: int, gateway: GatewayProcess) -> None:
    answer = gateway.call("GET", f"/api/products/?do=status&status={status}")
    assert (answer.status, answer.headers["ETag"]) == (status, '"v1"')


def test_one_method_has_one_row() -> None:
    twice = [Route(Role.ANYONE, "GET", "/a/", "x"), Route(Role.MANAGER, "POST GET", "/a/", "x")]
    with pytest.raises(InvalidRouteTable, match="GET /a/ is named twice"):
        Router(twice)


def test_a_piece_is_either_a_word_or_a_name() -> None:
    with pytest.raises(InvalidRouteTable, match="/a/b/"):
        Router([Route(Role.ANYONE, "GET", "/a/{id}/", "x"), Route(Role.ANYONE, "GET", "/a/b/", "x")])


def test_the_socket_row_is_for_customers() -> None:
    place = Router(ROUTES).find(b"/ws/notifications/")
    assert place is not None
    assert place.routes[WEBSOCKET].who is Role.CUSTOMER
