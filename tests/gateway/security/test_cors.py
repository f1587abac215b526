"""Pages of other sites call this API only where the settings name them (the Fetch standard's CORS protocol)."""

from collections.abc import Iterator

import pytest

from gateway.settings import GatewayEnvironment
from tests.gateway.client import Answer, as_customer
from tests.gateway.conftest import StartGateway
from tests.gateway.process import GatewayProcess
from tests.gateway.proxy.test_websocket_proxy import OURS
from tests.gateway.services import EchoService

SPA, OTHER = "https://shop.example", "https://evil.example"
ALLOW_ORIGIN = "Access-Control-Allow-Origin"


@pytest.fixture(scope="module")
def open_gateway(start_gateway: StartGateway, echo: EchoService) -> Iterator[GatewayProcess]:
    """A gateway that lets pages of two other sites call it."""
    with start_gateway(CORS_ORIGINS=f'["{SPA}", "http://localhost:5173"]') as gateway:
        yield gateway


def ask(gateway: GatewayProcess, path: str, origin: str, method: str = "POST") -> Answer:
    """What a browser asks before a page's script may send a request."""
    return gateway.call(
        "OPTIONS",
        path,
        ("Origin", origin),
        ("Access-Control-Request-Method", method),
        ("Access-Control-Request-Headers", "authorization,content-type,idempotency-key"),
    )


def vary(answer: Answer) -> set[str]:
    return {name.strip() for line in answer.headers.get_all("Vary") or [] for name in line.split(",")}


def told(answer: Answer) -> list[str]:
    """Everything that the answer says of pages of other sites."""
    return [name for name in answer.headers if name.lower().startswith("access-control-")]


@pytest.mark.parametrize("path", ["/api/products/", "/api/orders/", "/api/dead-letters/", "/login/"])
@pytest.mark.parametrize("origin", [SPA, OTHER, "null"])
def test_without_the_setting_no_page_may(
    origin: str, path: str, gateway: GatewayProcess, service: EchoService
) -> None:
    """Red when the question is answered with 401, as if a token could come with it."""
    asked = ask(gateway, path, origin)
    assert (asked.status, asked.problem, told(asked)) == (403, "foreign-origin", [])
    sent = gateway.call("GET", "/api/products/", ("Origin", origin))
    assert (sent.status, told(sent), "Origin" in vary(sent)) == (200, [], False)
    assert [seen.method for seen in service.seen] == ["GET"]


@pytest.mark.parametrize("path", ["/api/products/", "/api/orders/", "/api/dead-letters/"])
def test_a_page_that_is_named_may(path: str, open_gateway: GatewayProcess, service: EchoService) -> None:
    for origin in (SPA, "http://localhost:5173"):
        asked = ask(open_gateway, path, origin)
        assert (asked.status, asked.body) == (204, b"")
        assert asked.headers[ALLOW_ORIGIN] == origin
        assert "GET" in asked.headers["Access-Control-Allow-Methods"]
        allowed = asked.headers["Access-Control-Allow-Headers"].lower()
        assert all(
            name in allowed for name in ("authorization", "content-type", "idempotency-key", "if-match")
        )
        assert int(asked.headers["Access-Control-Max-Age"]) > 0
        assert "Origin" in vary(asked)
    assert service.seen == []


def test_it_reads_answers_and_errors_alike(open_gateway: GatewayProcess) -> None:
    """Red when only good answers carry the headers: the script would be told of a network error."""
    origin = ("Origin", SPA)
    for answer, status in (
        (open_gateway.call("GET", "/api/products/", origin), 200),
        (open_gateway.call("POST", "/api/orders/", origin, as_customer(), body=b"{}"), 200),
        (open_gateway.call("GET", "/api/orders/", origin), 401),
        (open_gateway.call("GET", "/api/dead-letters/", origin, as_customer()), 403),
        (open_gateway.call("GET", "/api/nothing/", origin), 404),
        (open_gateway.call("DELETE", "/api/products/", origin), 405),
        (open_gateway.call("GET", "/api/sagas/", origin, as_customer()), 503),
        (open_gateway.call("GET", "/api/schema/", origin), 200),
    ):
        assert answer.status == status
        assert answer.headers.get_all(ALLOW_ORIGIN) in ([SPA], ["*"])
        assert "Access-Control-Allow-Credentials" not in answer.headers, "cookies are never taken"
        if answer.headers[ALLOW_ORIGIN] == SPA:
            assert "Origin" in vary(answer)
            assert "ETag" in answer.headers["Access-Control-Expose-Headers"]


@pytest.mark.parametrize(
    "origin", [OTHER, "https://shop.example.evil.example", "http://shop.example", "null", ""]
)
def test_others_still_may_not(origin: str, open_gateway: GatewayProcess) -> None:
    """Red when an origin is compared by anything less than all of it, or a cache could mix two of them up."""
    asked = ask(open_gateway, "/api/orders/", origin)
    assert (asked.status, asked.problem, told(asked)) == (403, "foreign-origin", [])
    for answer in (
        open_gateway.call("GET", "/api/products/", ("Origin", origin)),
        open_gateway.call("GET", "/api/orders/", ("Origin", origin)),
        open_gateway.call("GET", "/api/orders/"),
    ):
        assert told(answer) == []
        assert "Origin" in vary(answer)


def test_our_own_pages_and_plain_options_are_as_ever(
    gateway: GatewayProcess, open_gateway: GatewayProcess, service: EchoService
) -> None:
    for each in (gateway, open_gateway):
        assert ask(each, "/api/orders/", OURS).status == 204
        assert each.call("OPTIONS", "/login/").status == 204
        assert each.call("OPTIONS", "/api/orders/", ("Origin", SPA)).status == 401, "no preflight"
        assert ask(each, "/api/nothing/", SPA).status == 404
    assert service.seen == []


@pytest.mark.parametrize(
    "wrong", ["*", "shop.example", "https://shop.example/", "https://*.example", "null", "https://"]
)
def test_an_origin_that_no_browser_sends_stops_the_start(wrong: str) -> None:
    with pytest.raises(ValueError, match="is no origin"):
        GatewayEnvironment(cors_origins=[wrong])
