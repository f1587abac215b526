"""Requests that are not quite HTTP: smuggling, floods, sloth, and hosts that are not ours."""

import socket
import time

import pytest

from tests.gateway.client import WAIT_SECONDS, as_manager, call, receive, send_raw, status_of
from tests.gateway.process import GatewayProcess
from tests.gateway.services import EchoService

HOST = b"Host: localhost\r\n"
SMUGGLED = b"GET /api/orders/ HTTP/1.1\r\nHost: localhost\r\n\r\n"
AMBIGUOUS = {
    "two lengths": b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
    "one length twice": b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nab",
    "a list of lengths": b"Content-Length: 2, 2\r\n\r\nab",
    "length then chunks": b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "chunks then length": b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "unknown encoding": b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "encoding twice": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "two encodings": b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "identity": b"Transfer-Encoding: identity\r\nContent-Length: 2\r\n\r\nab",
    "space before the colon": b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "vertical tab": b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "folded header": b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "negative length": b"Content-Length: -1\r\n\r\n",
    "signed length": b"Content-Length: +2\r\n\r\nab",
    "hexadecimal length": b"Content-Length: 0x2\r\n\r\nab",
    "huge length": b"Content-Length: 99999999999999999999999\r\n\r\nab",
    "bare return": b"X-A: b\rTransfer-Encoding: chunked\r\n\r\n",
    "NUL": b"X-A: a\x00b\r\n\r\n",
    "bare newlines": b"X-A: b\n\n",
    "space in a name": b"X A: b\r\n\r\n",
    "no name": b": b\r\n\r\n",
}


@pytest.mark.parametrize("kind", AMBIGUOUS)
def test_what_could_be_two_requests_is_refused(
    kind: str, gateway: GatewayProcess, service: EchoService
) -> None:
    raw = send_raw(gateway.port, b"POST /api/products/ HTTP/1.1\r\n" + HOST + AMBIGUOUS[kind])
    assert status_of(raw) == 400
    assert b"application/problem+json" in raw
    assert raw.count(b"HTTP/1.1 ") == 1, "the rest was taken for another request"
    assert b"<open>" not in raw
    assert service.seen == []


@pytest.mark.parametrize(
    "chunks", [b"zz\r\nab\r\n", b"-1\r\n", b"2\r\nabc\r\n", b"ffffffffffffffffff\r\n", b"1 \r\na\r\n"]
)
def test_broken_chunks_are_refused(chunks: bytes, gateway: GatewayProcess, service: EchoService) -> None:
    head = b"POST /api/products/ HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
    raw = send_raw(gateway.port, head + chunks)
    assert status_of(raw) == 400
    assert raw.count(b"HTTP/1.1 ") == 1
    assert service.seen == []


def test_chunks_are_for_http_1_1(gateway: GatewayProcess, service: EchoService) -> None:
    raw = send_raw(
        gateway.port,
        b"POST /api/products/ HTTP/1.0\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    )
    assert status_of(raw) == 400
    assert service.seen == []


def test_trailers_are_not_headers(gateway: GatewayProcess, service: EchoService) -> None:
    token = "{}: {}\r\n".format(*as_manager()).encode()
    head = b"POST /api/products/ HTTP/1.1\r\n" + HOST + token + b"Connection: close\r\n"
    head += b"Transfer-Encoding: chunked\r\n\r\n"
    raw = send_raw(gateway.port, head + b"2\r\n{}\r\n0\r\nIf-Match: trailing\r\nX-Trailing: x\r\n\r\n")
    assert status_of(raw) == 200
    assert service.seen[0].header("If-Match") == service.seen[0].header("X-Trailing") == []


@pytest.mark.parametrize("data", [b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET /\r\n\r\n",
                                  b"GET / HTTP/3.0\r\n\r\n", b"get / HTTP/1.1\r\n\r\n", b"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n",
                                  b"GET http:// HTTP/1.1\r\nHost: localhost\r\n\r\n"])  # fmt: skip
def test_what_is_not_http_1_1_is_refused(data: bytes, gateway: GatewayProcess) -> None:
    raw = send_raw(gateway.port, data)
    assert status_of(raw) in {400, 405}
    assert b"application/problem+json" in raw


def test_requests_in_one_go_are_answered_in_order(gateway: GatewayProcess, service: EchoService) -> None:
    ends = (b"\r\n", b"\r\n", b"Connection: close\r\n\r\n")
    requests = [b"GET /api/products/%d/ HTTP/1.1\r\n" % n + HOST + end for n, end in enumerate(ends)]
    raw = send_raw(gateway.port, b"".join(requests))
    assert raw.count(b"HTTP/1.1 200") == 3
    assert [seen.target for seen in service.seen] == [f"/api/products/{n}/" for n in range(3)]
    assert raw.index(b"products/0/") < raw.index(b"products/1/") < raw.index(b"products/2/")


UPGRADES = {
    "curl --http2": b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n",
    "TLS": b"Connection: Upgrade\r\nUpgrade: TLS/1.0\r\n",
    "two": b"Connection: Upgrade\r\nUpgrade: h2c, nonsense\r\n",
    "WebSocket": b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",  # of a POST
    "without Connection": b"Upgrade: h2c\r\n",
}
BODIES = {
    "length": b"Content-Length: 17\r\n\r\n" + b'{"price":"99.00"}',
    "chunks": b'Transfer-Encoding: chunked\r\n\r\n5\r\n{"pri\r\nc\r\nce":"99.00"}\r\n0\r\n\r\n',
}


@pytest.mark.parametrize("framed", BODIES)
@pytest.mark.parametrize("upgrade", UPGRADES)
@pytest.mark.parametrize("piece", [1_000_000, 7], ids=["at once", "in pieces"])
def test_an_upgrade_that_is_not_taken_is_ignored(
    piece: int, upgrade: str, framed: str, gateway: GatewayProcess, service: EchoService
) -> None:
    """Red when the parser takes what follows the head for another protocol: the body was lost, or waited for."""
    token = "{}: {}\r\n".format(*as_manager()).encode()
    request = b"POST /api/products/ HTTP/1.1\r\n" + HOST + token + UPGRADES[upgrade] + BODIES[framed]
    data = request * 3 + b"GET /api/products/ HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=WAIT_SECONDS) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start in range(0, len(data), piece):
            connection.sendall(data[start : start + piece])
        raw = receive(connection)
    assert raw.count(b"HTTP/1.1 200") == raw.count(b"HTTP/1.1 ") == 4
    assert b"<open>" not in raw
    assert [seen.body for seen in service.seen] == [b'{"price":"99.00"}'] * 3 + [b""]
    assert all(seen.header("Upgrade") == seen.header("HTTP2-Settings") == [] for seen in service.seen)


@pytest.mark.parametrize("upgrade", UPGRADES)
def test_what_hides_behind_an_upgrade_is_judged(
    upgrade: str, gateway: GatewayProcess, service: EchoService
) -> None:
    head = b"DELETE /api/basket/ HTTP/1.1\r\n" + HOST + UPGRADES[upgrade] + b"\r\n"
    raw = send_raw(gateway.port, head + SMUGGLED + b"GET / HTTP/9.9\r\n\r\n")
    statuses = [int(part[:3]) for part in raw.split(b"HTTP/1.1 ")[1:]]
    assert statuses[0] in {401, 405}
    assert statuses[1:] in ([], [401], [401, 400])
    assert b"<open>" not in raw
    assert service.seen == []


def test_http_1_0_knows_no_upgrade(gateway: GatewayProcess, service: EchoService) -> None:
    raw = send_raw(
        gateway.port, b"GET /api/products/ HTTP/1.0\r\n" + HOST + UPGRADES["curl --http2"] + b"\r\n"
    )
    assert status_of(raw) == 200
    assert b"<open>" not in raw
    assert len(service.seen) == 1


@pytest.mark.parametrize("headers", [b"".join(b"X-%d: a\r\n" % n for n in range(200)), b"X-A: " + b"a" * 40_000 + b"\r\n",
                                     b"".join(b"X-%d: %b\r\n" % (n, b"a" * 1000) for n in range(40))])  # fmt: skip
def test_a_flood_of_headers_is_refused(headers: bytes, gateway: GatewayProcess, service: EchoService) -> None:
    raw = send_raw(gateway.port, b"GET /api/products/ HTTP/1.1\r\n" + HOST + headers + b"\r\n")
    assert status_of(raw) == 431
    assert b"headers-too-large" in raw
    assert service.seen == []


def test_an_endless_header_is_refused_before_it_ends(gateway: GatewayProcess) -> None:
    before = gateway.memory()
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=WAIT_SECONDS) as connection:
        connection.sendall(b"GET /api/products/ HTTP/1.1\r\n" + HOST + b"X-A: ")
        with pytest.raises(OSError, match=r"reset|Broken pipe"):
            _send_pieces(500, connection)  # five seconds' worth: after ten its time would be over, too
    assert gateway.memory() - before < 8 * 1024 * 1024


def _send_pieces(count: int, connection: socket.socket) -> None:
    for _ in range(count):
        connection.sendall(b"a" * 65536)
        time.sleep(0.01)


def test_a_large_body_in_the_same_packet_is_no_flood(gateway: GatewayProcess) -> None:
    token = "{}: {}\r\n".format(*as_manager()).encode()
    requests = b"POST /api/products/ HTTP/1.1\r\n" + HOST + token + b"Content-Length: 60000\r\n\r\n"
    requests += b"a" * 60000
    raw = b""
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=WAIT_SECONDS) as connection:
        connection.sendall(requests * 3 + b"GET /api/pro")
        while raw.count(b"HTTP/1.1 ") < 3 and (piece := connection.recv(65536)):
            raw += piece
        connection.sendall(b"ducts/ HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n")
        raw += receive(connection)
    assert raw.count(b"HTTP/1.1 200") == 4


def test_a_long_address_is_refused(gateway: GatewayProcess) -> None:
    raw = send_raw(gateway.port, b"GET /api/products/?a=" + b"a" * 9000 + b" HTTP/1.1\r\n" + HOST + b"\r\n")
    assert status_of(raw) == 414


@pytest.mark.parametrize(
    "started", [b"GET /api/products/ HTTP/1.1\r\nHost: loc", b"G", b"POST /api/products/ HTTP/1.1\r\n"]
)
def test_a_head_that_does_not_come_is_not_waited_for(started: bytes, hasty: GatewayProcess) -> None:
    raw = send_raw(hasty.port, started)
    assert status_of(raw) == 408
    assert b"request-timeout" in raw


def test_a_head_that_drips_is_not_waited_for(hasty: GatewayProcess) -> None:
    """Red when the clock begins anew with each letter: many such clients would keep every place for ever."""
    with socket.create_connection(("127.0.0.1", hasty.port), timeout=WAIT_SECONDS) as connection:
        connection.sendall(b"GET /health/live HTTP/1.1\r\n" + HOST + b"\r\n")
        assert b"200 OK" in connection.recv(65536)
        connection.sendall(b"GET /")
        connection.settimeout(0.1)
        started, answer = time.monotonic(), b"<open>"
        while answer == b"<open>" and time.monotonic() - started < WAIT_SECONDS:
            connection.sendall(b"a")
            answer = receive(connection)
    assert answer.startswith(b"HTTP/1.1 408 ")


def test_a_silent_connection_is_closed_without_a_word(hasty: GatewayProcess) -> None:
    assert send_raw(hasty.port, b"") == b""


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "evil.example:8000", "169.254.169.254", "[::2]",
                                  "localhost:80:80", "a@localhost", "localhost/", "localhost:8a"])  # fmt: skip
def test_an_unknown_host_is_refused(host: str, gateway: GatewayProcess, service: EchoService) -> None:
    answer = call(gateway.port, "GET", "/api/products/", host=host)
    assert (answer.status, answer.problem) == (400, "unknown-host")
    assert service.seen == []


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST", "localhost:8000", "127.0.0.1", "127.0.0.1:1234", "[::1]", "[::1]:80"]
)
def test_our_own_hosts_are_served(host: str, gateway: GatewayProcess) -> None:
    assert call(gateway.port, "GET", "/api/products/", host=host).status == 200


@pytest.mark.parametrize(
    "hosts",
    [b"", b"Host:\r\n", b"Host: localhost\r\nHost: localhost\r\n", b"Host: localhost\r\nHost: evil\r\n"],
)
def test_a_request_names_one_host(hosts: bytes, gateway: GatewayProcess, service: EchoService) -> None:
    raw = send_raw(gateway.port, b"GET /api/products/ HTTP/1.1\r\n" + hosts + b"\r\n")
    assert status_of(raw) == 400
    assert service.seen == []


def test_a_probe_need_not_know_our_name(gateway: GatewayProcess) -> None:
    assert call(gateway.port, "GET", "/health/live", host="10.0.0.7:8000").status == 200
