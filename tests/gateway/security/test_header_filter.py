"""What of a client's headers goes on, and what of a service's comes back."""

from urllib.parse import urlsplit

import pytest
from django.conf import settings

from shared.telemetry import trace
from tests.gateway.client import as_customer, as_manager
from tests.gateway.conftest import StartGateway
from tests.gateway.process import GatewayProcess
from tests.gateway.services import EchoService, Seen

SPOOFED = [
    "X-User-Id", "X-User", "X-User-Roles", "X-Forwarded-User", "X-Forwarded-Email", "X-Forwarded-Prefix", "X-Forwarded",
    "Forwarded", "X-Real-IP", "X-Client-IP", "True-Client-IP", "CF-Connecting-IP", "X-Auth-Request-User", "Remote-User",
    "X-Remote-User", "X-Original-URL", "X-Rewrite-URL", "X-HTTP-Method-Override", "X-Authenticated-Userid", "Proxy",
    "X_User_Id", "X_Forwarded_For", "HTTP_X_USER", "Remote_User", "X-Customer-Id", "X-Roles", "Via", "X-Host", "X-Microcommerce-Admins",
    "Cookie", "TE", "Trailer", "Keep-Alive", "Proxy-Connection", "Proxy-Authorization", "Upgrade-Insecure_Requests",
]  # fmt: skip
KEPT = ["Accept", "Accept-Language", "Content-Type", "Idempotency-Key", "If-Match", "If-None-Match", "User-Agent", "Prefer",
        "Range", "Baggage", "Origin"]  # fmt: skip


def _forwarded(gateway: GatewayProcess, service: EchoService, *headers: tuple[str, str]) -> Seen:
    assert gateway.call("GET", "/api/products/", *headers).status == 200
    return service.seen[0]


@pytest.mark.parametrize("name", SPOOFED)
def test_an_identity_that_the_client_claims_is_dropped(
    name: str, gateway: GatewayProcess, service: EchoService
) -> None:
    seen = _forwarded(gateway, service, (name, "mia"), (name, "again"), (name.lower(), "lower"))
    assert seen.header(name) == []


@pytest.mark.parametrize("name", KEPT)
def test_what_belongs_to_the_request_goes_on(
    name: str, gateway: GatewayProcess, service: EchoService
) -> None:
    assert _forwarded(gateway, service, (name, "value/1")).header(name) == ["value/1"]


def test_an_admin_is_told_which_others_there_are(gateway: GatewayProcess, service: EchoService) -> None:
    """By the route table, whatever the client says. Red when a page of the back office leads nowhere else."""
    name = "X-Microcommerce-Admins"
    assert gateway.call("GET", "/admin/order/", as_manager(), (name, "evil")).status == 200
    assert service.seen[0].header(name) == ["order,product,stock,saga,notification,basket"]


def test_the_gateway_says_where_the_request_came_from(gateway: GatewayProcess, service: EchoService) -> None:
    spoofed = [("X-Forwarded-For", "6.6.6.6"), ("X-Forwarded-Host", "evil"), ("X-Forwarded-Proto", "gopher")]
    seen = _forwarded(gateway, service, *spoofed)
    assert seen.header("X-Forwarded-For") == ["127.0.0.1"]
    assert seen.header("X-Forwarded-Host") == seen.header("Host") == [urlsplit(settings.GATEWAY_URL).netloc]
    assert seen.header("X-Forwarded-Proto") == ["http"]


@pytest.mark.parametrize(
    "value", ["X-Custom", "close, X-Custom", "x-custom , keep-alive", "keep-alive,\tX-CUSTOM"]
)
def test_a_header_that_connection_names_ends_here(
    value: str, gateway: GatewayProcess, service: EchoService
) -> None:
    seen = _forwarded(gateway, service, ("Connection", value), ("X-Custom", "1"), ("X-Other", "2"))
    assert (seen.header("X-Custom"), seen.header("X-Other")) == ([], ["2"])


def test_connection_cannot_take_away_what_the_gateway_sets(
    gateway: GatewayProcess, service: EchoService
) -> None:
    names = "Authorization, X-Forwarded-For, X-Request-ID, traceparent, Host, Content-Length"
    token = as_customer()
    seen = _forwarded(gateway, service, token, ("Connection", names))
    assert seen.header("Authorization") == [token[1]]
    assert all(seen.header(name) for name in ("X-Forwarded-For", "X-Request-ID", "traceparent", "Host"))


def test_the_verified_token_and_nothing_else_goes_on(gateway: GatewayProcess, service: EchoService) -> None:
    name, value = as_customer()
    assert _forwarded(gateway, service, (name, value.replace("Bearer", "bEARER "))).header(name) == [value]


def test_a_doubled_token_is_refused(gateway: GatewayProcess, service: EchoService) -> None:
    answer = gateway.call("GET", "/api/products/", as_customer(), as_customer())
    assert (answer.status, answer.problem) == (400, "bad-request")
    assert service.seen == []


@pytest.mark.parametrize("given", ["abc-123", "A.b:c_d", "x" * 128])
def test_a_good_request_id_is_kept(given: str, gateway: GatewayProcess, service: EchoService) -> None:
    answer = gateway.call("GET", "/api/products/", ("X-Request-ID", given))
    assert answer.headers.get_all("X-Request-ID") == [given]
    assert service.seen[0].header("X-Request-ID") == [given]


@pytest.mark.parametrize("given", ["", "a b", "x" * 129, "<script>", "a;b", "é"])
def test_a_malformed_request_id_is_replaced(
    given: str, gateway: GatewayProcess, service: EchoService
) -> None:
    answer = gateway.call("GET", "/api/products/", ("X-Request-ID", given))
    made = answer.headers["X-Request-ID"]
    assert made != given
    assert len(made) == 32
    assert service.seen[0].header("X-Request-ID") == [made]


def test_every_request_has_its_own_id_also_within_a_trace(gateway: GatewayProcess) -> None:
    context = (trace.HEADER, str(trace.start()))
    made = {gateway.call("GET", "/api/products/", context).headers["X-Request-ID"] for _ in range(5)}
    assert len(made) == 5


def test_the_trace_goes_on_with_a_hop_of_the_gateway(gateway: GatewayProcess, service: EchoService) -> None:
    hop = trace.start()
    sent = trace.parse(_forwarded(gateway, service, (trace.HEADER, str(hop))).header(trace.HEADER)[0])
    assert sent is not None
    assert sent.trace_id == hop.trace_id
    assert sent.span_id != hop.span_id


@pytest.mark.parametrize("given", ["", "00-0-0-0", "00-" + "0" * 32 + "-" + "1" * 16 + "-01", "garbage"])
def test_a_malformed_trace_is_replaced(given: str, gateway: GatewayProcess, service: EchoService) -> None:
    sent = _forwarded(gateway, service, (trace.HEADER, given)).header(trace.HEADER)
    assert len(sent) == 1
    assert trace.parse(sent[0]) is not None


def test_a_problem_names_the_trace(gateway: GatewayProcess) -> None:
    hop = trace.start()
    answer = gateway.call("GET", "/api/nothing/", (trace.HEADER, str(hop)))
    assert answer.json()["trace_id"] == hop.trace_id
    assert answer.json()["instance"] == "/api/nothing/"


def test_what_a_service_says_about_itself_stays_inside(gateway: GatewayProcess) -> None:
    answer = gateway.call("GET", "/api/products/?do=headers")
    for name in ("Set-Cookie", "Server", "X-Powered-By", "X-Hop", "Connection"):
        assert answer.headers[name] is None, name
    assert answer.headers["ETag"] == '"v1"'
    assert answer.headers["Location"] == "/api/products/1/"
    assert len(answer.headers.get_all("Date") or []) == 1


def test_every_answer_carries_the_same_protection(gateway: GatewayProcess) -> None:
    for target in ("/api/products/?do=headers", "/api/nothing/", "/health/live"):
        answer = gateway.call("GET", target)
        assert answer.headers.get_all("X-Content-Type-Options") == ["nosniff"]
        assert answer.headers.get_all("X-Frame-Options") == ["DENY"]
        assert answer.headers.get_all("Referrer-Policy") == ["same-origin"]
        assert len(answer.headers.get_all("X-Request-ID") or []) == 1


def test_what_is_for_one_caller_is_not_cached_for_others(gateway: GatewayProcess) -> None:
    assert gateway.call("GET", "/api/basket/", as_customer()).headers["Cache-Control"] == "private, no-cache"
    assert gateway.call("GET", "/api/products/").headers["Cache-Control"] is None


@pytest.mark.parametrize(
    ("proxies", "sent", "expected"),
    [
        ("0", "6.6.6.6", "127.0.0.1"),
        ("1", "6.6.6.6, 10.1.2.3", "10.1.2.3"),
        ("2", "6.6.6.6, 10.1.2.3, 10.9.9.9", "10.1.2.3"),
        ("2", "10.1.2.3", "127.0.0.1"),
        ("1", "not an address", "127.0.0.1"),
        ("1", "2001:db8::1", "2001:db8::1"),
        ("1", "", "127.0.0.1"),
    ],
)
def test_our_own_proxies_are_believed_and_nobody_before_them(
    proxies: str, sent: str, expected: str, start_gateway: StartGateway, service: EchoService
) -> None:
    with start_gateway(TRUSTED_PROXIES=proxies) as gateway:
        assert _forwarded(gateway, service, ("X-Forwarded-For", sent)).header("X-Forwarded-For") == [expected]


def test_browsers_are_told_what_a_page_may_do(gateway: GatewayProcess) -> None:
    policy = gateway.call("GET", "/api/products/?do=headers").headers["Content-Security-Policy"]
    issuer = urlsplit(settings.ENVIRONMENT.issuer)
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "script-src" not in policy, "scripts fall under default-src: our own and no inline ones"
    assert f"form-action 'self' {issuer.scheme}://{issuer.netloc}" in policy


def test_behind_tls_browsers_are_told_to_stay_there(start_gateway: StartGateway) -> None:
    with start_gateway(GATEWAY_URL="https://shop.example", ALLOWED_HOSTS='["localhost"]') as gateway:
        answer = gateway.call("GET", "/login/")
        assert answer.headers["Strict-Transport-Security"].startswith("max-age=")
        cookie = answer.headers["Set-Cookie"].lower()
        assert cookie.startswith("__host-microcommerce-sign-in=")
        assert "; secure" in cookie
        assert "path=/" in cookie
        assert "https%3a%2f%2fshop.example%2foidc%2fcallback%2f" in answer.headers["Location"].lower()


@pytest.mark.parametrize("file", ["page.css", "forms.js"])
def test_the_browsable_pages_find_their_style_and_scripts(file: str, gateway: GatewayProcess) -> None:
    answer = gateway.call("GET", f"/static/browsable/{file}")
    assert answer.status == 200
    assert "max-age=3600" in answer.headers["Cache-Control"]
    assert len(answer.body) > 1000


@pytest.mark.parametrize("file", ["nothing.css", "../settings.py", "%2e%2e/settings.py", "browsable/../../x"])
def test_no_other_file_is_served(file: str, gateway: GatewayProcess) -> None:
    assert gateway.call("GET", f"/static/{file}").status in {400, 404}
