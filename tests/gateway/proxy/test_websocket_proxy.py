"""WebSocket connections: the ways to authenticate, close codes, and everything that passes through."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.conf import settings
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from gateway.http.server import GRACE_SECONDS
from shared.telemetry import trace
from shared.testing.tokens import ALICE, make_token
from tests.gateway.client import WAIT_SECONDS, as_customer, receive, send_raw, status_of
from tests.gateway.conftest import StartGateway
from tests.gateway.process import GatewayProcess
from tests.gateway.services import EchoService

PATH = "/ws/notifications/"
OURS: str = settings.GATEWAY_URL
SOON = 15  # seconds: less than it takes until a ping finds out that somebody is gone


@contextmanager
def opened(
    gateway: GatewayProcess,
    *headers: tuple[str, str],
    path: str = PATH,
    offers: tuple[str, ...] = (),
    **options: Any,
) -> Iterator[ClientConnection]:
    """A connection through the gateway."""
    url = f"ws://localhost:{gateway.port}{path}"
    offered = [Subprotocol(offer) for offer in offers] or None
    with connect(
        url,
        additional_headers=headers,
        subprotocols=offered,
        proxy=None,
        open_timeout=WAIT_SECONDS,
        **options,
    ) as socket:
        yield socket


def close_of(socket: ClientConnection) -> int:
    """The code that the other side closes with."""
    with pytest.raises(ConnectionClosed) as closed:
        socket.recv(timeout=SOON)
    assert closed.value.rcvd is not None
    return int(closed.value.rcvd.code)


def refused(gateway: GatewayProcess, *headers: tuple[str, str], **options: Any) -> int:
    """The HTTP status of a refused handshake."""
    with pytest.raises(InvalidStatus) as error, opened(gateway, *headers, **options):
        pass
    response = error.value.response
    assert response.headers["Content-Type"] == "application/problem+json"
    return int(response.status_code)


def test_messages_pass_both_ways(gateway: GatewayProcess, service: EchoService) -> None:
    with opened(gateway, as_customer(), path=PATH + "?after=17") as socket:
        for message in ("hello", "ü" * 1000, b"\x00\xff", ""):
            socket.send(message)
            echo = socket.recv(timeout=SOON)
            assert echo == ("echo " + message if isinstance(message, str) else b"echo " + message)
    assert service.sockets[0].target == PATH + "?after=17"


def test_the_service_gets_the_token_as_a_header(gateway: GatewayProcess, service: EchoService) -> None:
    token = make_token()
    with opened(gateway, offers=("microcommerce.v1", f"bearer.{token}")) as socket:
        assert socket.subprotocol == "microcommerce.v1"
    seen = service.sockets[0]
    assert seen.header("Authorization") == [f"Bearer {token}"]
    assert seen.header("Sec-WebSocket-Protocol") == ["microcommerce.v1"]


def test_without_an_offer_no_protocol_is_chosen(gateway: GatewayProcess, service: EchoService) -> None:
    with opened(gateway, as_customer()) as socket:
        assert socket.subprotocol is None
    assert service.sockets[0].header("Sec-WebSocket-Protocol") == []


def test_claimed_identities_are_dropped(gateway: GatewayProcess, service: EchoService) -> None:
    claimed = [("X-User-Id", "mia"), ("X-Forwarded-For", "6.6.6.6"), ("Cookie", "a=b"), ("X_User", "mia")]
    hop = trace.start()
    with opened(
        gateway,
        as_customer(),
        *claimed,
        (trace.HEADER, str(hop)),
        ("X-Request-ID", "ws-1"),
        ("User-Agent", "t/1"),
        origin=OURS,
    ):
        pass
    seen = service.sockets[0]
    assert (
        seen.header("X-User-Id")
        == seen.header("Cookie")
        == seen.header("X_User")
        == seen.header("Origin")
        == []
    )
    assert seen.header("X-Forwarded-For") == ["127.0.0.1"]
    assert seen.header("X-Request-ID") == ["ws-1"]
    assert seen.header(trace.HEADER)[0][3:35] == hop.trace_id


BAD = {
    "no token": ((), ()),
    "bad header": ((("Authorization", "Bearer a.b.c"),), ()),
    "bad subprotocol": ((), ("microcommerce.v1", "bearer.a.b.c")),
    "no token in the offer": ((), ("microcommerce.v1",)),
    "basic": ((("Authorization", "Basic YTpi"),), ()),
    "a good header and a bad offer": ((as_customer(),), ("microcommerce.v1", "bearer.bad")),
}


@pytest.mark.parametrize("kind", BAD)
def test_no_or_bad_token_is_closed_with_4401(
    kind: str, gateway: GatewayProcess, service: EchoService
) -> None:
    headers, offers = BAD[kind]
    with opened(gateway, *headers, offers=offers) as socket:
        assert socket.subprotocol == ("microcommerce.v1" if offers else None)
        assert close_of(socket) == 4401
    assert service.sockets == []


def test_a_token_in_the_address_is_no_token(gateway: GatewayProcess, service: EchoService) -> None:
    with opened(gateway, path=f"{PATH}?token={make_token()}&access_token={make_token()}") as socket:
        assert close_of(socket) == 4401
    assert service.sockets == []


def test_a_caller_without_the_role_is_closed_with_4403(gateway: GatewayProcess, service: EchoService) -> None:
    with opened(gateway, ("Authorization", f"Bearer {make_token(ALICE, ())}")) as socket:
        assert close_of(socket) == 4403
    assert service.sockets == []


def test_when_the_token_expires_the_socket_is_closed_with_4401(
    gateway: GatewayProcess, service: EchoService
) -> None:
    """Red when it is closed before that, or half a minute after it, when the token is bad for new sockets, too."""
    expires_at = int(time.time()) + 2
    with opened(gateway, ("Authorization", f"Bearer {make_token(exp=expires_at)}")) as socket:
        assert close_of(socket) == 4401
    assert -0.1 < time.time() - expires_at < SOON
    assert len(service.sockets) == 1, "it was never open"


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "http://localhost:9999", "https://localhost:8000", "null"]
)
def test_a_foreign_origin_with_a_cookie_is_refused(
    origin: str, gateway: GatewayProcess, service: EchoService
) -> None:
    assert refused(gateway, as_customer(), ("Cookie", "sessionid=x"), origin=origin) == 403
    assert service.sockets == []


def test_our_own_origin_may_have_a_cookie(gateway: GatewayProcess) -> None:
    with opened(gateway, as_customer(), ("Cookie", "theme=dark"), origin=OURS) as socket:
        socket.send("a")
        assert socket.recv(timeout=SOON) == "echo a"


def test_a_foreign_origin_without_a_cookie_may_come_with_a_token(gateway: GatewayProcess) -> None:
    with opened(
        gateway, offers=("microcommerce.v1", f"bearer.{make_token()}"), origin="http://app.example"
    ) as socket:
        socket.send("a")
        assert socket.recv(timeout=SOON) == "echo a"


@pytest.mark.parametrize(
    "path", ["/ws/", "/ws/other/", "/api/products/", "/ws/notifications", "/ws/%6eotifications/", "/"]
)
def test_no_other_address_speaks_websocket(path: str, gateway: GatewayProcess, service: EchoService) -> None:
    assert refused(gateway, as_customer(), path=path) in {400, 404}
    assert service.sockets == []


def test_an_unknown_host_is_refused(gateway: GatewayProcess, service: EchoService) -> None:
    head = (
        "GET /ws/notifications/ HTTP/1.1\r\nHost: evil\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{}: {}\r\n\r\n"
    )
    assert status_of(send_raw(gateway.port, head.format(*as_customer()).encode())) == 400
    assert service.sockets == []


GOOD = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}
NO_HANDSHAKE: dict[str, tuple[dict[str, str | None], int, str]] = {
    "a body": ({"Content-Length": "5"}, 400, "bad-request"),
    "a body in chunks": ({"Transfer-Encoding": "chunked"}, 400, "bad-request"),
    "an old version": ({"Sec-WebSocket-Version": "8"}, 426, "upgrade-required"),
    "two versions": ({"Sec-WebSocket-Version": "13, 8"}, 426, "upgrade-required"),
    "no version": ({"Sec-WebSocket-Version": None}, 426, "upgrade-required"),
    "no key": ({"Sec-WebSocket-Key": None}, 400, "bad-request"),
    "a short key": ({"Sec-WebSocket-Key": "YWJj"}, 400, "bad-request"),
    "a key that is no base64": ({"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=!"}, 400, "bad-request"),
    "a key that is no ASCII": ({"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQü=="}, 400, "bad-request"),
    "a list of nothing": ({"Sec-WebSocket-Protocol": "a,,b"}, 400, "bad-request"),
    "a protocol that is no word": ({"Sec-WebSocket-Protocol": "a b"}, 400, "bad-request"),
    "a long line": ({"X-Long": "x" * 9000}, 431, "headers-too-large"),
    "a host twice": ({"host": "localhost"}, 400, "bad-request"),
}


def handshake(changed: dict[str, str | None], version: str = "1.1", path: str = PATH) -> bytes:
    """A handshake with some of its headers replaced."""
    headers = {"Host": "localhost", **GOOD, **dict([as_customer()]), **changed}
    lines = [f"{name}: {value}\r\n" for name, value in headers.items() if value is not None]
    return f"GET {path} HTTP/{version}\r\n{''.join(lines)}\r\n".encode("latin-1")


@pytest.mark.parametrize("behind", [b"", b"abcde", b"5\r\nabcde\r\n0\r\n\r\n"])
@pytest.mark.parametrize("kind", NO_HANDSHAKE)
def test_what_is_no_handshake_is_refused_with_a_problem(
    kind: str, behind: bytes, gateway: GatewayProcess, service: EchoService
) -> None:
    """Red when it is answered in plain text, or never and never closed."""
    changed, status, slug = NO_HANDSHAKE[kind]
    raw = send_raw(gateway.port, handshake(changed) + behind)
    assert raw.count(b"HTTP/1.1 ") == 1
    assert b"<open>" not in raw
    head, _, body = raw.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head.lower()
    assert (status_of(raw), json.loads(body)["type"].rpartition("/")[2]) == (status, slug)
    if status == 426:
        assert b"sec-websocket-version: 13" in head.lower()
        assert b"\r\nupgrade: websocket\r\nconnection: upgrade\r\n" in head.lower()
    assert service.sockets == []


def test_what_follows_a_handshake_unasked_ends_it(gateway: GatewayProcess, service: EchoService) -> None:
    raw = send_raw(gateway.port, handshake({}) + b"\x81\x80\x00\x00\x00\x00")
    assert status_of(raw) == 400
    assert b"<open>" not in raw
    assert service.sockets == []


EARLY = {
    "a ping": b"\x89\x80\x00\x00\x00\x00",
    "a frame without a mask": b"\x81\x01a",
    "a message": b"\x81\x80\x00\x00\x00\x00",
    "a close": b"\x88\x80\x00\x00\x00\x00",
    "another request": b"GET /api/basket/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
}


@pytest.mark.parametrize("kind", EARLY)
def test_what_follows_a_handshake_before_its_answer_ends_it(
    kind: str, gateway: GatewayProcess, service: EchoService
) -> None:
    """Red when it is read as frames of a WebSocket that is not open yet: a pong came before the 101."""
    logged = gateway.log.stat().st_size
    with socket.create_connection(("127.0.0.1", gateway.port), WAIT_SECONDS) as connection:
        connection.sendall(handshake({}, path=PATH + "?do=open_late"))
        _wait_until_asked(service)
        connection.sendall(EARLY[kind])
        raw = receive(connection)
        service.sockets[0].go_on()
    assert status_of(raw) == 400
    assert raw.count(b"HTTP/1.1 ") == 1
    assert raw.endswith(b"}")
    assert b"application/problem+json" in raw
    assert gateway.call("GET", "/api/products/").status == 200
    assert b"Traceback" not in gateway.log.read_bytes()[logged:]


def _wait_until_asked(service: EchoService) -> None:
    deadline = time.monotonic() + SOON
    while not service.sockets:
        assert time.monotonic() < deadline, "the service was not asked"
        time.sleep(0.01)


@pytest.mark.parametrize("upgrade", ["websocket, foo", "foo, WebSocket", "websocket,h2c"])
def test_websocket_may_be_offered_beside_others(
    upgrade: str, gateway: GatewayProcess, service: EchoService
) -> None:
    request = handshake({"Upgrade": upgrade, "Sec-WebSocket-Extensions": ";;", "Content-Length": "0"})
    with socket.create_connection(("127.0.0.1", gateway.port), WAIT_SECONDS) as connection:
        connection.sendall(request)
        assert connection.recv(12) == b"HTTP/1.1 101"
    assert len(service.sockets) == 1


def test_http_1_0_gets_no_websocket(gateway: GatewayProcess, service: EchoService) -> None:
    raw = send_raw(gateway.port, handshake({}, version="1.0"))
    assert status_of(raw) == 426
    assert b"application/problem+json" in raw
    assert b"<open>" not in raw
    assert service.sockets == []


@pytest.mark.parametrize("path", ["http://localhost/ws/notifications/", "/ws/notifications/?after=1"])
def test_a_handshakes_address_may_be_absolute(
    path: str, gateway: GatewayProcess, service: EchoService
) -> None:
    with socket.create_connection(("127.0.0.1", gateway.port), WAIT_SECONDS) as connection:
        connection.sendall(handshake({}, path=path))
        assert connection.recv(12) == b"HTTP/1.1 101"
    assert service.sockets[0].target == path.removeprefix("http://localhost")


def test_an_address_with_strange_bytes_is_refused(gateway: GatewayProcess) -> None:
    for request in (handshake({}, path="/ws/ü"), b"GET /\xfc HTTP/1.1\r\nHost: localhost\r\n\r\n"):
        raw = send_raw(gateway.port, request)
        assert status_of(raw) == 400
        assert b"application/problem+json" in raw


def test_the_services_close_code_comes_through(gateway: GatewayProcess) -> None:
    with opened(gateway, as_customer(), path=PATH + "?do=close") as socket:
        assert close_of(socket) == 4401


def test_the_clients_close_code_comes_through(gateway: GatewayProcess, service: EchoService) -> None:
    with opened(gateway, as_customer()) as socket:
        socket.close(4000, "enough")
    assert _first_close(service) == 4000


def test_a_client_that_vanishes_leaves_no_connection_behind(
    gateway: GatewayProcess, service: EchoService
) -> None:
    with opened(gateway, as_customer()) as socket:
        socket.socket.close()
    assert _first_close(service) in {1000, 1001, 1006}


def _first_close(service: EchoService) -> int | None:
    deadline = time.monotonic() + SOON
    while not service.closes and time.monotonic() < deadline:
        time.sleep(0.02)
    return service.closes[0][0]


def test_a_service_that_drops_the_line_asks_the_client_to_come_back(gateway: GatewayProcess) -> None:
    with opened(gateway, as_customer(), path=PATH + "?do=drop") as socket:
        assert close_of(socket) == 1012


def test_a_service_that_is_away_is_503(start_gateway: StartGateway, environment: dict[str, str]) -> None:
    upstreams = json.loads(environment["UPSTREAMS"])
    upstreams["notification"] = upstreams["saga"]
    with start_gateway(UPSTREAMS=json.dumps(upstreams)) as gateway:
        assert refused(gateway, as_customer()) == 503


def test_a_message_that_is_too_large_is_closed_with_1009(gateway: GatewayProcess) -> None:
    with opened(gateway, as_customer()) as socket:
        socket.send("x" * 70_000)
        assert close_of(socket) == 1009


def test_a_client_that_does_not_read_holds_the_service_back(
    gateway: GatewayProcess, service: EchoService
) -> None:
    before = gateway.memory()
    with opened(gateway, as_customer(), path=PATH + "?do=flood", max_queue=1, close_timeout=0.1) as socket:
        time.sleep(1.5)
        assert service.most_written < 1500
        assert gateway.memory() - before < 24 * 1024 * 1024
        assert [str(socket.recv(timeout=SOON)).split("}")[0] for _ in range(3)] == [
            f'{{"id": {n}' for n in range(3)
        ]


def test_a_stopping_gateway_asks_clients_to_come_back(start_gateway: StartGateway) -> None:
    with start_gateway() as gateway, opened(gateway, as_customer()) as socket:
        socket.send("a")
        assert socket.recv(timeout=SOON) == "echo a"
        started = time.monotonic()
        gateway.process.terminate()
        assert close_of(socket) == 1012
        gateway.process.wait(WAIT_SECONDS)
        assert time.monotonic() - started < GRACE_SECONDS


def test_a_connection_leaves_one_line(gateway: GatewayProcess) -> None:
    with opened(gateway, as_customer("50c4e7"), ("X-Request-ID", "ws-line")):
        pass
    (line,) = gateway.lines("ws-line")
    assert (line["method"], line["path"], line["status"], line["principal"]) == (
        "WEBSOCKET",
        PATH,
        101,
        "50c4e7",
    )
