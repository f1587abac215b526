"""Bodies, both ways: within their limits, within their time, and never held whole when they are large."""

import json
import socket
import time

import pytest
from django.conf import settings

from gateway.errors import ContentTooLarge, Overloaded
from gateway.http.request_body import Body, BodyBudget, ClientDisconnected
from tests.gateway.client import WAIT_SECONDS, as_customer, as_manager, receive, send_raw, status_of
from tests.gateway.conftest import StartGateway
from tests.gateway.process import GatewayProcess
from tests.gateway.services import PIECE, EchoService

OURS: str = settings.GATEWAY_URL
MIB = 1024 * 1024
LIMIT = 128 * 1024
IMPATIENCE = 9  # seconds: `hasty` gives a body one, and any gateway gives up one that has been idle for ten


def _post(headers: bytes, body: bytes = b"", *, path: bytes = b"/api/products/") -> bytes:
    token = "{}: {}\r\n".format(*as_manager()).encode()
    return b"POST " + path + b" HTTP/1.1\r\nHost: localhost\r\n" + token + headers + b"\r\n" + body


def _chunked(*pieces: bytes) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


@pytest.mark.parametrize("size", [0, 1, 1000, LIMIT - 1, LIMIT])
def test_a_body_within_the_limit_arrives_whole(
    size: int, gateway: GatewayProcess, service: EchoService
) -> None:
    body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    assert gateway.call("POST", "/api/products/", as_manager(), body=body).json()["size"] == size
    assert service.seen[0].body == body
    assert service.seen[0].header("Content-Length") == [str(size)]


def test_a_post_without_a_body_has_length_nought(gateway: GatewayProcess, service: EchoService) -> None:
    assert gateway.call("POST", "/api/orders/1/cancel/", as_customer()).status == 200
    assert service.seen[0].header("Content-Length") == ["0"]


def test_chunks_are_gathered_and_get_a_length(gateway: GatewayProcess, service: EchoService) -> None:
    pieces = [b"a" * 70_000, b"b", b"c" * 40_000]
    raw = send_raw(
        gateway.port, _post(b"Transfer-Encoding: chunked\r\nConnection: close\r\n", _chunked(*pieces))
    )
    assert status_of(raw) == 200
    assert service.seen[0].body == b"".join(pieces)
    assert service.seen[0].header("Content-Length") == ["110001"]
    assert service.seen[0].header("Transfer-Encoding") == []


def test_a_body_over_the_limit_is_refused_by_its_length(
    gateway: GatewayProcess, service: EchoService
) -> None:
    raw = send_raw(gateway.port, _post(b"Content-Length: %d\r\n" % (LIMIT + 1)))
    assert status_of(raw) == 413
    assert json.loads(raw.rpartition(b"\r\n\r\n")[2])["type"].endswith("/content-too-large")
    assert b"<open>" not in raw
    assert service.seen == []


def test_a_body_over_the_limit_is_refused_while_it_comes(
    gateway: GatewayProcess, service: EchoService
) -> None:
    raw = send_raw(gateway.port, _post(b"Transfer-Encoding: chunked\r\n", _chunked(b"x" * LIMIT, b"y")))
    assert status_of(raw) == 413
    assert service.seen == []


def test_a_client_that_sends_it_all_still_reads_the_refusal(gateway: GatewayProcess) -> None:
    body = b"x" * (16 * MIB)
    answer = gateway.call("POST", "/api/products/", as_manager(), body=body)
    assert (answer.status, answer.problem) == (413, "content-too-large")


def test_a_refused_body_of_many_gigabytes_is_not_read(gateway: GatewayProcess) -> None:
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=WAIT_SECONDS) as connection:
        connection.sendall(_post(b"Content-Length: 99999999999\r\n"))
        with pytest.raises(OSError, match=r"reset|Broken pipe"):
            _send_for(WAIT_SECONDS, connection)


def _send_for(seconds: float, connection: socket.socket) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        connection.sendall(PIECE)


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
@pytest.mark.parametrize(
    "framed",
    [b"Content-Length: 5\r\n\r\nGET /", b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
    ids=["length", "chunks"],
)
@pytest.mark.parametrize("path", [b"/api/products/", b"/health/live", b"/"])
def test_where_no_body_belongs_none_is_taken(
    method: str, framed: bytes, path: bytes, gateway: GatewayProcess, service: EchoService
) -> None:
    """Red when the service gets such a request: a body that drips would keep one of its threads."""
    raw = send_raw(gateway.port, b"%b %b HTTP/1.1\r\nHost: localhost\r\n%b" % (method.encode(), path, framed))
    assert status_of(raw) == 413
    assert raw.count(b"HTTP/1.1 ") == 1
    assert b"<open>" not in raw
    assert service.seen == []


@pytest.mark.parametrize(
    "framed", [b"Content-Length: 99999999999\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n5\r\nGET /\r\n"]
)
def test_a_preflight_takes_no_body_either(framed: bytes, gateway: GatewayProcess) -> None:
    """Red when it is answered before its body is judged: it would be read to its end, however long it is."""
    head = f"OPTIONS /api/products/ HTTP/1.1\r\nHost: localhost\r\nOrigin: {OURS}\r\n".encode()
    raw = send_raw(gateway.port, head + b"Access-Control-Request-Method: POST\r\n" + framed)
    assert status_of(raw) == 413
    assert b"<open>" not in raw


def test_a_length_of_nought_is_no_body(gateway: GatewayProcess) -> None:
    assert gateway.call("GET", "/api/products/", body=b"").status == 200


def test_a_refusal_leaves_the_connection_usable_after_a_small_body(gateway: GatewayProcess) -> None:
    refused = b"POST /api/nothing/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nGET /"
    raw = send_raw(
        gateway.port, refused + b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    )
    assert [int(part[:3]) for part in raw.split(b"HTTP/1.1 ")[1:]] == [404, 200]


def test_a_client_that_waits_to_be_asked_is_asked(gateway: GatewayProcess, service: EchoService) -> None:
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=WAIT_SECONDS) as connection:
        connection.sendall(_post(b"Content-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n"))
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"{}")
        assert status_of(receive(connection)) == 200
    assert service.seen[0].header("Expect") == []


@pytest.mark.parametrize("expect", [b"100-Continue", b"100-continue, foo", b"foo,100-continue"])
def test_a_client_that_expects_more_is_asked_as_well(
    expect: bytes, gateway: GatewayProcess, service: EchoService
) -> None:
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=WAIT_SECONDS) as connection:
        connection.sendall(_post(b"Content-Length: 2\r\nConnection: close\r\nExpect: " + expect + b"\r\n"))
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"{}")
        assert status_of(receive(connection)) == 200


def test_a_client_of_http_1_0_is_not_asked(gateway: GatewayProcess, service: EchoService) -> None:
    """It would take the interim answer for the answer (RFC 9110, section 10.1.1)."""
    request = _post(b"Content-Length: 2\r\nExpect: 100-continue\r\n", b"{}").replace(b"HTTP/1.1", b"HTTP/1.0")
    raw = send_raw(gateway.port, request)
    assert raw.count(b"HTTP/1.1 ") == 1
    assert status_of(raw) == 200
    assert service.seen[0].body == b"{}"


def test_a_client_that_waits_is_refused_without_being_asked(gateway: GatewayProcess) -> None:
    head = b"POST /api/products/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
    raw = send_raw(gateway.port, head)
    assert status_of(raw) == 401
    assert b"<open>" not in raw, "the client's next request would be taken for the body"


@pytest.mark.parametrize(
    "headers", [b"Content-Length: 10\r\n", b"Transfer-Encoding: chunked\r\n", b"Content-Length: 120000\r\n"]
)
def test_a_body_that_does_not_come_is_not_waited_for(
    headers: bytes, hasty: GatewayProcess, service: EchoService
) -> None:
    raw = send_raw(hasty.port, _post(headers, b"2\r\nab\r\n"), seconds=IMPATIENCE)
    assert status_of(raw) == 408
    assert b"request-timeout" in raw
    assert b"<open>" not in raw
    assert service.seen == []


def test_a_body_that_stops_halfway_is_not_waited_for(hasty: GatewayProcess) -> None:
    half = _post(b"Content-Length: 120000\r\n", b"x" * 100_000)
    assert status_of(send_raw(hasty.port, half, seconds=IMPATIENCE)) == 408


@pytest.mark.parametrize(
    ("headers", "before", "drop"),
    [
        (b"Content-Length: 1000\r\n", b"", b"x"),
        (b"Transfer-Encoding: chunked\r\n", b"", b"1\r\nx\r\n"),
        (b"Content-Length: 120000\r\n", b"x" * 100_000, b"x"),
    ],
    ids=["with length", "in chunks", "after the most of it"],
)
def test_a_body_that_drips_is_not_waited_for(
    headers: bytes, before: bytes, drop: bytes, hasty: GatewayProcess
) -> None:
    """Red when the clock begins anew with each piece: many such clients would keep every place for ever."""
    with socket.create_connection(("127.0.0.1", hasty.port), timeout=WAIT_SECONDS) as connection:
        started, answer = time.monotonic(), b"<open>"
        connection.sendall(_post(headers, before))
        connection.settimeout(0.1)
        while answer == b"<open>" and time.monotonic() - started < WAIT_SECONDS:
            connection.sendall(drop)
            answer = receive(connection)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert time.monotonic() - started > 0.9


@pytest.mark.parametrize("size", [4, LIMIT])
def test_a_service_is_not_bothered_before_the_body_is_whole(
    size: int, gateway: GatewayProcess, service: EchoService
) -> None:
    """Red when all but the last byte is enough: eight such requests would keep a service's eight threads."""
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=WAIT_SECONDS) as connection:
        connection.sendall(_post(b"Content-Length: %d\r\nConnection: close\r\n" % size, b"x" * (size - 1)))
        assert gateway.call("GET", "/api/products/?another").status == 200
        time.sleep(0.3)
        assert [seen.target for seen in service.seen] == ["/api/products/?another"]
        connection.sendall(b"x")
        assert status_of(receive(connection)) == 200
    assert len(service.seen[1].body) == size


def test_all_bodies_that_wait_have_one_budget(start_gateway: StartGateway, service: EchoService) -> None:
    """Ten clients leave out their last byte; one budget has room for eight. What they held is free when they go.

    Whoever is refused holds nothing any more, so that the eight others have room, in whatever order bytes come in.
    """
    with start_gateway(BODY_BUDGET=str(8 * LIMIT)) as gateway:
        waiting = _two_are_refused(gateway)
        for connection in waiting:
            connection.settimeout(WAIT_SECONDS)
            connection.sendall(b"x")
        assert [status_of(connection.recv(65536)) for connection in waiting] == [200] * 8
        for connection in (*waiting, *_two_are_refused(gateway)):
            connection.close()
        _wait_until_taken(gateway)
    posted = [seen.target for seen in service.seen if seen.method == "POST"]
    assert posted == ["/api/products/"] * 8 + ["/api/orders/"]


def _two_are_refused(gateway: GatewayProcess) -> list[socket.socket]:
    """Of ten clients that leave out their last byte; the eight others."""
    waiting = [_all_but_the_last_byte(gateway) for _ in range(10)]
    answers = _answers(waiting, 2)
    assert [status_of(raw) for raw in answers.values()] == [503, 503]
    assert all(b"/problems/overloaded" in raw and b"retry-after: 2" in raw for raw in answers.values())
    assert gateway.call("GET", "/api/products/").status == 200
    for connection in answers:
        connection.close()
    return [connection for connection in waiting if connection not in answers]


def _all_but_the_last_byte(gateway: GatewayProcess) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", gateway.port), timeout=WAIT_SECONDS)
    connection.sendall(_post(b"Content-Length: %d\r\n" % LIMIT, b"x" * (LIMIT - 1)))
    return connection


def _answers(waiting: list[socket.socket], count: int) -> dict[socket.socket, bytes]:
    """What the first `count` clients that are answered get."""
    answers: dict[socket.socket, bytes] = {}
    deadline = time.monotonic() + WAIT_SECONDS
    while len(answers) < count and time.monotonic() < deadline:
        for connection in set(waiting) - answers.keys():
            connection.settimeout(0.1)
            if (raw := receive(connection)) != b"<open>":
                answers[connection] = raw
    return answers


def _wait_until_taken(gateway: GatewayProcess) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while gateway.call("POST", "/api/orders/", as_customer(), body=b"x" * LIMIT).status != 200:
        assert time.monotonic() < deadline, "what the clients held is not given back"


async def test_a_budget_is_given_back_whatever_ends_a_body() -> None:
    budget = BodyBudget(10)

    async def left() -> dict[str, object]:
        return {"type": "http.disconnect"}

    async def piece() -> dict[str, object]:
        return {"type": "http.request", "body": b"1234", "more_body": True}

    for receive_, limit, error in (
        (left, 9, ClientDisconnected),
        (piece, 6, ContentTooLarge),
        (piece, 99, Overloaded),
    ):
        body = Body(receive_, limit, WAIT_SECONDS, budget)
        with pytest.raises(error):
            await body.whole()
        body.release()
        body.release()
        assert budget.held == 0


def test_a_service_may_answer_before_it_has_the_body(gateway: GatewayProcess) -> None:
    body = b"x" * LIMIT
    for _ in range(3):
        assert gateway.call("POST", "/api/products/?do=refuse_early", as_manager(), body=body).status == 403
    assert gateway.call("GET", "/api/products/").status == 200


def test_a_client_that_leaves_in_mid_body_leaves_nothing_behind(
    gateway: GatewayProcess, service: EchoService
) -> None:
    for sent in (b"", b"x" * 10, b"x" * 100_000):
        with socket.create_connection(("127.0.0.1", gateway.port), timeout=WAIT_SECONDS) as connection:
            connection.sendall(_post(b"Content-Length: 110000\r\n", sent))
            time.sleep(0.1)
    assert gateway.call("GET", "/api/products/").status == 200
    assert all(seen.body == b"" for seen in service.seen)


@pytest.mark.parametrize("length", ["&length", ""], ids=["with length", "in chunks"])
def test_a_large_answer_is_passed_on_and_not_held(
    length: str, gateway: GatewayProcess, service: EchoService
) -> None:
    before = gateway.memory()
    answer = gateway.call("GET", f"/api/products/?do=stream&pieces=1600{length}")
    assert len(answer.body) == 1600 * len(PIECE)
    assert gateway.memory() - before < 24 * MIB


def test_an_answer_comes_piece_by_piece(gateway: GatewayProcess, service: EchoService) -> None:
    """The service writes a letter when the one before it has arrived. Red when the gateway waits for more."""
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=WAIT_SECONDS) as connection:
        connection.sendall(b"GET /api/products/?do=drip HTTP/1.1\r\nHost: localhost\r\n\r\n")
        found = b""
        for end in (b"1\r\na\r\n", b"1\r\nb\r\n", b"1\r\nc\r\n", b"0\r\n\r\n"):
            while not found.endswith(end) and (piece := connection.recv(65536)):
                found += piece
            service.seen[0].go_on()
    assert found.endswith(b"1\r\na\r\n1\r\nb\r\n1\r\nc\r\n0\r\n\r\n")


def test_the_head_of_an_answer_does_not_wait_for_its_body(
    gateway: GatewayProcess, service: EchoService
) -> None:
    """The service writes the body when the head has arrived."""
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=WAIT_SECONDS) as connection:
        connection.sendall(
            b"GET /api/products/?do=late HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        )
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")
        service.seen[0].go_on()
        assert b"late" in receive(connection)


def test_a_client_that_does_not_read_holds_the_service_back(
    gateway: GatewayProcess, service: EchoService
) -> None:
    before = gateway.memory()
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=WAIT_SECONDS) as connection:
        connection.sendall(
            b"GET /api/products/?do=stream&pieces=4000&length HTTP/1.1\r\nHost: localhost\r\n\r\n"
        )
        time.sleep(1.5)
        written = service.most_written
        assert gateway.memory() - before < 24 * MIB
    assert written < 64 * MIB
