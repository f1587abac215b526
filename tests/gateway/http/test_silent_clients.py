"""Clients that do not read what they asked for, and clients that open more connections than one may have."""

import asyncio
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import psutil
import pytest
from django.core.exceptions import ImproperlyConfigured
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection

from gateway.errors import Overloaded, TooManyConnections
from gateway.http.client_transport import LEAST_TAKEN, ClientTransport
from gateway.security.connection_limits import ConnectionLimits
from gateway.service import SERVICE
from gateway.settings import PARTS, GatewayEnvironment
from shared.settings.environment import PREFIX
from tests.gateway.client import WAIT_SECONDS, as_customer, receive, send_raw, status_of
from tests.gateway.conftest import StartGateway
from tests.gateway.process import GatewayProcess
from tests.gateway.proxy.test_websocket_proxy import opened, refused
from tests.gateway.services import EchoService

HOST = b" HTTP/1.1\r\nHost: localhost\r\n"
STREAM = b"GET /api/products/?do=stream&pieces=4000"
SCHEMA = b"GET /api/schema/" + HOST  # hundreds of kilobytes, written in one go
HANDSHAKE = (
    b"GET /ws/notifications/?do=flood" + HOST + b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
TOKEN = "{}: {}\r\n\r\n".format(*as_customer()).encode()
UNREAD = {
    "a stream with length": STREAM + b"&length" + HOST + b"\r\n",
    "a stream in chunks": STREAM + HOST + b"\r\n",
    "answers to requests in one go": (SCHEMA + b"\r\n") * 20,
    "a WebSocket": HANDSHAKE + TOKEN,
}


@pytest.fixture(scope="module")
def strict(start_gateway: StartGateway) -> Iterator[GatewayProcess]:
    """A gateway that gives a client a second to read, and lets four connections and two WebSockets of one address in."""
    limits = {"MAX_CONNECTIONS_PER_ADDRESS": "4", "MAX_SOCKETS_PER_ADDRESS": "2"}
    with start_gateway(WRITE_SECONDS="1", **limits) as gateway:
        yield gateway


@pytest.mark.parametrize("kind", UNREAD)
def test_a_client_that_does_not_read_is_dropped(
    kind: str, strict: GatewayProcess, service: EchoService
) -> None:
    """Red when a wait for the client has no end, or a connection is closed and never aborted."""
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(WAIT_SECONDS)
        connection.connect(("127.0.0.1", strict.port))
        connection.sendall(UNREAD[kind])
        assert connection.recv(12) in {b"HTTP/1.1 200", b"HTTP/1.1 101"}
        _wait_until_dropped(strict, connection.getsockname()[1])


def _wait_until_dropped(gateway: GatewayProcess, port: int) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while any(found.raddr and found.raddr.port == port for found in _connections(gateway)):
        assert time.monotonic() < deadline, "the gateway keeps the connection"
        time.sleep(0.05)


def _connections(gateway: GatewayProcess) -> list[Any]:
    return psutil.Process(gateway.process.pid).net_connections("tcp")


class _Buffer(asyncio.Transport):
    """A transport whose client takes `taken` bytes between two looks."""

    def __init__(self, size: int, taken: int) -> None:
        super().__init__()
        self._size, self._taken = size, taken
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def get_write_buffer_size(self) -> int:
        size, self._size = self._size, self._size - self._taken
        if size <= 0 and not self.ended.done():
            self.ended.set_result("all was taken")
        return max(size, 0)

    def close(self) -> None:
        pass

    def abort(self) -> None:
        if not self.ended.done():
            self.ended.set_result("aborted")


@pytest.mark.parametrize(
    ("taken", "end"), [(0, "aborted"), (LEAST_TAKEN - 1, "aborted"), (LEAST_TAKEN, "all was taken")]
)
@pytest.mark.parametrize("begin", ["paused", "close"])
async def test_a_client_may_be_slow_but_not_silent(begin: str, taken: int, end: str) -> None:
    buffer = _Buffer(10 * LEAST_TAKEN, taken)
    getattr(ClientTransport(buffer, asyncio.get_running_loop(), 0.001, lambda: None), begin)()
    assert await asyncio.wait_for(buffer.ended, WAIT_SECONDS) == end


def test_connections_are_counted_by_address_and_in_total() -> None:
    limits = ConnectionLimits(3, 2)
    for network in ("a", "a", "b"):
        limits.enter(network)
    for network, error in (("a", TooManyConnections), ("c", Overloaded)):
        with pytest.raises(error):
            limits.enter(network)
    limits.leave("a")
    limits.enter("c")
    for network in ("a", "b", "c"):
        limits.leave(network)
    assert limits.count == 0


@pytest.mark.parametrize(("part", "whole"), PARTS.items())
def test_a_limit_that_can_never_be_reached_stops_the_start(
    part: str, whole: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PREFIX + part.upper(), "5000")
    with pytest.raises(
        ImproperlyConfigured, match=f"{PREFIX}{part.upper()}: .*more than {PREFIX}{whole.upper()}"
    ):
        GatewayEnvironment.of(SERVICE)


def test_one_address_has_so_many_connections(strict: GatewayProcess) -> None:
    with ExitStack() as stack:
        for _ in range(4):
            _wait_until_let_in(stack, strict)
        raw = send_raw(strict.port, b"")
        assert status_of(raw) == 429
        assert b"/problems/too-many-connections" in raw
        assert b"retry-after: 2" in raw
        with socket.create_connection(("127.0.0.1", strict.port), WAIT_SECONDS, ("127.0.0.2", 0)) as another:
            another.sendall(b"GET /health/live" + HOST + b"Connection: close\r\n\r\n")
            assert status_of(receive(another)) == 200
    with ExitStack() as stack:
        _wait_until_let_in(stack, strict)


def _wait_until_let_in(stack: ExitStack, gateway: GatewayProcess) -> None:
    """Open a connection that stays open; what was closed before may not have been noticed yet."""
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        connection = stack.enter_context(socket.create_connection(("127.0.0.1", gateway.port), WAIT_SECONDS))
        connection.sendall(b"GET /health/live" + HOST + b"\r\n")
        if status_of(connection.recv(65536)) == 200:
            return
        time.sleep(0.05)
    raise AssertionError("what was closed still counts")


def test_one_address_has_so_many_websockets(strict: GatewayProcess, service: EchoService) -> None:
    for _ in range(3):  # those that were closed do not count
        with ExitStack() as stack:
            for _ in range(2):
                socket_ = _open_in_time(stack, strict)
                socket_.send("a")
                assert socket_.recv(timeout=WAIT_SECONDS) == "echo a"
            assert refused(strict, as_customer()) == 429


def _open_in_time(stack: ExitStack, gateway: GatewayProcess) -> ClientConnection:
    """Open a WebSocket that stays open; what was closed before may not have been noticed yet."""
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            return stack.enter_context(opened(gateway, as_customer()))
        except InvalidStatus:
            assert time.monotonic() < deadline, "what was closed still counts"
            time.sleep(0.05)
