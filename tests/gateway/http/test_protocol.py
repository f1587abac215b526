"""The connection's protocol in this process, where a test decides what the clock says and how much a socket takes."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pytest_django import Settings
from uvicorn import Config
from uvicorn.server import ServerState

from gateway.http.client_transport import LINGER_SECONDS
from gateway.http.protocol import HttpProtocol
from gateway.http.websocket_protocol import WebSocketProtocol
from tests.gateway.client import WAIT_SECONDS
from tests.gateway.http.test_deadline import Clock
from tests.gateway.proxy.test_websocket_proxy import handshake

SIZES = {"less than makes writing wait": 60_000, "more than that": 4 * 1024 * 1024}
PINGS = 30_000


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answers with as many bytes as the path says, in one go, and opens WebSockets."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await receive()
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"x" * int(scope["path"].strip("/"))})


class Watched(HttpProtocol):
    """The protocol of one connection; `lost` is done when that has ended."""

    def __init__(self) -> None:
        config = Config(application, ws=WebSocketProtocol, ws_per_message_deflate=False, log_config=None)
        config.load()
        super().__init__(config, ServerState(), {})
        self.lost = self.loop.create_future()

    @property
    def unsent(self) -> int:
        """Bytes that the socket did not take."""
        return int(self._transport.get_write_buffer_size())

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.lost.set_result(None)


@asynccontextmanager
async def connected(protocol: Watched) -> AsyncIterator[socket.socket]:
    """A client of `protocol`, between sockets that take little."""
    with socket.socket() as listening, socket.socket() as client:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16 * 1024)  # connections have the same
        listening.bind(("127.0.0.1", 0))
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.setblocking(False)
        async with await protocol.loop.create_server(lambda: protocol, sock=listening):
            await protocol.loop.sock_connect(client, listening.getsockname())
            yield client
            client.close()


class _Wire(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        pass

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return 0


async def test_a_head_that_was_refused_is_not_late_as_well(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    """Red when the time for a head goes on after its refusal: the second one came behind the connection's end."""
    clock, wire, protocol = Clock(monkeypatch), _Wire(), Watched()
    protocol.connection_made(wire)
    protocol.data_received(b"GET / HTTP/1.1\r\n")
    await clock.passes(settings.ENVIRONMENT.head_seconds - LINGER_SECONDS / 2)
    protocol.data_received(b"Host: local\x00host")
    assert wire.written.startswith(b"HTTP/1.1 400 ")
    await clock.passes(LINGER_SECONDS)
    assert wire.written.count(b"HTTP/1.1 ") == 1
    protocol.connection_lost(None)


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
async def test_a_client_that_does_not_read_the_last_answer_is_dropped(size: int, settings: Settings) -> None:
    """Red when a connection that closes waits for ever until what was written in one go is taken."""
    settings.ENVIRONMENT = settings.ENVIRONMENT.model_copy(update={"write_seconds": 0.2})
    request = b"GET /%d HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n" % size
    protocol = Watched()
    async with connected(protocol) as client:
        await protocol.loop.sock_sendall(client, request)
        assert (await protocol.loop.sock_recv(client, 12)) == b"HTTP/1.1 200"
        assert protocol.unsent, "the machine took it all"
        await asyncio.wait_for(protocol.lost, WAIT_SECONDS)


async def test_a_websocket_that_only_pings_fills_no_memory() -> None:
    """Red when each ping is answered whether or not the client reads; the newest must be, when it reads again."""
    protocol = Watched()
    async with connected(protocol) as client:
        await protocol.loop.sock_sendall(client, handshake({}))
        assert (await protocol.loop.sock_recv(client, 4096)).endswith(b"\r\n\r\n")
        pings = [b"\x89\xfd\0\0\0\0" + b"%125d" % number for number in range(PINGS)]
        await asyncio.wait_for(protocol.loop.sock_sendall(client, b"".join(pings)), WAIT_SECONDS)
        assert protocol.unsent < 125 * PINGS / 4
        found = b""
        async with asyncio.timeout(WAIT_SECONDS):
            while not found.endswith(b"\x8a\x7d" + pings[-1][6:]):
                found += await protocol.loop.sock_recv(client, 65536)
    assert found.count(b"\x8a\x7d") < PINGS
