"""The route table: what it says is what happens, for every address, method and caller."""

import json
import re
from collections.abc import Iterator

import pytest

from gateway.routes import ROUTES
from gateway.routing import BadTable, Place, Routing
from gateway.table import HERE, WEBSOCKET, Role, Route
from tests.gateway.client import as_customer, as_manager
from tests.gateway.conftest import StartGateway
from tests.gateway.process import GatewayProcess
from tests.gateway.services import EchoService

METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
CALLERS = ("nobody", "a bad token", "customer", "manager")
PLACES = [place for place in Routing(ROUTES).places() if place.allow]
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


def _its_caller(place: Place) -> list[tuple[str, str]]:
    """What somebody sends who may use the place."""
    return [as_manager()] if any(route.who is Role.MANAGER for route in place.routes.values()) else []


def _address(place: Place) -> str:
    return re.sub(r"\{\w+(\.\.\.)?\}", "6a0f-1.x", place.path)


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("place", FORWARDED, ids=lambda place: place.path)
def test_each_row_lets_in_whom_it_names(
    place: Place, method: str, caller: str, full: GatewayProcess, service: EchoService
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
def test_the_gateways_own_pages_say_what_can_be_done_there(place: Place, gateway: GatewayProcess) -> None:
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
    place: Place, gateway: GatewayProcess
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
        "/api/",
        "/api/nothing/",
        "/api/products",
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


def test_a_missing_slash_is_pointed_out(gateway: GatewayProcess) -> None:
    assert "/api/products/?" in gateway.call("GET", "/api/products").json()["detail"]


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
    with pytest.raises(BadTable, match="GET /a/ is named twice"):
        Routing(twice)


def test_a_piece_is_either_a_word_or_a_name() -> None:
    with pytest.raises(BadTable, match="/a/b/"):
        Routing([Route(Role.ANYONE, "GET", "/a/{id}/", "x"), Route(Role.ANYONE, "GET", "/a/b/", "x")])


def test_the_socket_row_is_for_customers() -> None:
    place = Routing(ROUTES).find(b"/ws/notifications/")
    assert place is not None
    assert place.routes[WEBSOCKET].who is Role.CUSTOMER
