"""Services that are away, slow, or break: what the client is told, and what is tried again."""

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable

import pytest

from gateway.proxy import upstream
from gateway.proxy.upstream import Call, Upstream
from tests.gateway.client import WAIT_SECONDS, as_customer, as_manager, receive
from tests.gateway.process import GatewayProcess
from tests.gateway.services import EchoService, ScriptedService

STOCK = "/api/stock/"
GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture
def stock(scripted: ScriptedService) -> ScriptedService:
    """A service that has no script and no connection yet."""
    scripted.reset()
    return scripted


def _answering(stock: ScriptedService, *answers: bytes) -> Serve:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            await stock.request(reader)
            writer.write(answer)
            await writer.drain()

    return serve


def test_a_service_that_is_away_is_503(gateway: GatewayProcess) -> None:
    started = time.monotonic()
    answer = gateway.call("GET", "/api/sagas/", as_customer())
    assert (answer.status, answer.problem) == (503, "service-unavailable")
    assert int(answer.headers["Retry-After"]) >= 1
    assert time.monotonic() - started < 15


def test_a_service_that_is_away_disturbs_no_other(gateway: GatewayProcess) -> None:
    assert gateway.call("GET", "/api/sagas/", as_customer()).status == 503
    assert gateway.call("GET", "/api/products/").status == 200


def test_a_service_that_does_not_answer_is_504(gateway: GatewayProcess) -> None:
    started = time.monotonic()
    answer = gateway.call("GET", "/api/products/?do=wait&seconds=15")
    assert (answer.status, answer.problem) == (504, "service-timeout")
    assert time.monotonic() - started > 9


def test_connections_are_used_again(gateway: GatewayProcess, stock: ScriptedService) -> None:
    stock.script = _answering(stock, *[GOOD] * 5)
    for _ in range(5):
        assert gateway.call("GET", STOCK).body == b"ok"
    assert stock.connections == 1


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_a_safe_request_is_tried_again_on_a_stale_connection(
    method: str, gateway: GatewayProcess, stock: ScriptedService
) -> None:
    stock.script = _closing_after(stock, 1)
    assert gateway.call("GET", STOCK).status == 200
    assert gateway.call(method, STOCK).status == 200
    assert stock.connections == 2


def test_an_unsafe_request_is_never_sent_twice(gateway: GatewayProcess, stock: ScriptedService) -> None:
    stock.script = _closing_after(stock, 1)
    assert gateway.call("GET", STOCK).status == 200
    answer = gateway.call("PUT", STOCK + "1/", as_manager(), body=b"{}")
    assert (answer.status, answer.problem) == (502, "service-broke")
    assert [head[:3] for head in stock.requests].count(b"PUT") == 1


def test_a_safe_request_is_tried_again_once(gateway: GatewayProcess, stock: ScriptedService) -> None:
    stock.script = _closing_after(stock, 0)
    assert gateway.call("GET", STOCK).status == 502
    assert len(stock.requests) == 1, "a new connection is not stale"


def _closing_after(stock: ScriptedService, good: int) -> Serve:
    """Answers so many requests on a connection, takes the next one and closes; later connections answer them all."""
    opened = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal opened
        opened += 1
        for _ in range(good if opened == 1 or not good else 9):
            await stock.request(reader)
            writer.write(GOOD if not stock.requests[-1].startswith(b"HEAD") else GOOD[:-2])
            await writer.drain()
        await stock.request(reader)

    return serve


BROKEN = {
    "nothing": b"",
    "not HTTP": b"hello\r\n\r\n",
    "another protocol": b"HTTP/2 200\r\n\r\n",
    "half a head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
    "both framings": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "an upgrade": b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
}


@pytest.mark.parametrize("kind", BROKEN)
def test_what_is_no_answer_is_502(kind: str, gateway: GatewayProcess, stock: ScriptedService) -> None:
    stock.script = _answering(stock, BROKEN[kind])
    answer = gateway.call("GET", STOCK)
    assert (answer.status, answer.problem) == (502, "service-broke")


def test_an_interim_answer_is_passed_over(gateway: GatewayProcess, stock: ScriptedService) -> None:
    stock.script = _answering(stock, b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n" + GOOD)
    answer = gateway.call("GET", STOCK)
    assert (answer.status, answer.body, answer.headers["Link"]) == (200, b"ok", None)


def test_a_trailer_of_a_service_is_not_a_header(gateway: GatewayProcess, stock: ScriptedService) -> None:
    chunks = b"2\r\nok\r\n0\r\nX-Trailing: 1\r\n\r\n"
    stock.script = _answering(stock, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks)
    answer = gateway.call("GET", STOCK)
    assert (answer.body, answer.headers["X-Trailing"]) == (b"ok", None)


def test_an_answer_without_a_length_ends_with_its_connection(
    gateway: GatewayProcess, stock: ScriptedService
) -> None:
    stock.script = _answering(stock, b"HTTP/1.1 200 OK\r\n\r\nto the end")
    assert gateway.call("GET", STOCK).body == b"to the end"


def test_a_second_answer_to_one_request_goes_to_nobody(
    gateway: GatewayProcess, stock: ScriptedService
) -> None:
    stock.script = _answering(stock, GOOD + b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison", GOOD)
    assert [gateway.call("GET", STOCK).body for _ in range(3)] == [b"ok"] * 3


def test_bytes_that_come_unasked_end_the_connection(gateway: GatewayProcess, stock: ScriptedService) -> None:
    answered = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await stock.request(reader)
        writer.write(GOOD)
        await answered.wait()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison")
        await stock.request(reader)
        writer.write(GOOD)

    stock.script = serve
    assert gateway.call("GET", STOCK).body == b"ok"
    stock.background.loop.call_soon_threadsafe(answered.set)
    deadline = time.monotonic() + WAIT_SECONDS
    while stock.is_connected:
        assert time.monotonic() < deadline, "the gateway keeps the connection"
        time.sleep(0.02)
    assert gateway.call("GET", STOCK).body == b"ok"
    assert stock.connections == 2


@pytest.mark.parametrize(
    "beginning",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    ],
    ids=["with length", "in chunks"],
)
def test_an_answer_that_breaks_off_is_not_made_to_look_whole(
    beginning: bytes, gateway: GatewayProcess, stock: ScriptedService
) -> None:
    stock.script = _answering(stock, beginning)
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=WAIT_SECONDS) as connection:
        connection.sendall(b"GET /api/stock/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
        raw = receive(connection)
    assert raw.startswith(b"HTTP/1.1 200")
    assert b"abc" in raw
    assert not raw.endswith((b"0\r\n\r\n", b"<open>"))


def test_many_at_once_are_all_answered(gateway: GatewayProcess, service: EchoService) -> None:
    """No more than fit into the service's backlog: the others would have to knock again, a second or three later."""
    connections = [
        socket.create_connection(("127.0.0.1", gateway.port), timeout=WAIT_SECONDS) for _ in range(100)
    ]
    for connection in connections:
        connection.sendall(
            b"GET /api/products/?do=wait&seconds=0.2 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        )
    statuses = {receive(connection)[9:12] for connection in connections}
    for connection in connections:
        connection.close()
    assert statuses == {b"200"}


async def test_those_who_find_every_connection_taken_wait_for_their_turn(
    stock: ScriptedService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Red when nobody calls them, or when more connections are made than there may be."""
    monkeypatch.setattr(upstream, "MAX_CONNECTIONS", 2)
    monkeypatch.setattr(upstream, "CONNECT_SECONDS", WAIT_SECONDS)
    stock.script = _answering(stock, *[GOOD] * 6)
    service = Upstream(stock.url)

    async def ask() -> bytes:
        head = b"GET / HTTP/1.1\r\nHost: stock\r\n\r\n"
        answer = await service.call(Call("GET", head, b"", WAIT_SECONDS))
        body = await answer.read(WAIT_SECONDS)
        service.release(answer)
        return body

    assert await asyncio.gather(*[ask() for _ in range(6)]) == [b"ok"] * 6
    assert stock.connections == 2
    service.close()
