"""One request on a client's connection and its answer, as ASGI sees them.

The head of an answer is held back until the event loop comes round, so that it leaves together with a body
that is already there: a system call costs more than everything else that is done here.
"""

import asyncio
import http
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gateway.http.protocol import HttpProtocol

logger = logging.getLogger(__name__)

Scope = dict[str, Any]
Application = Callable[..., Awaitable[None]]

READ_AHEAD = 64 * 1024  # bytes of a body that wait here before the client is held back
STATUS_LINES = {
    status: f"HTTP/1.1 {status} {http.HTTPStatus(status).phrase if status in {*http.HTTPStatus} else ''}\r\n".encode()
    for status in range(200, 600)
}
BODILESS = {204, 304}
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class RequestResponse:
    """A request whose head is there. The protocol feeds the body; the application calls `receive` and `send`."""

    __slots__ = (
        "_chunked", "_due", "_expects", "_head", "_is_head", "_is_told", "_left", "_pieces", "_protocol", "_waiter", "_waiting",
        "has_all", "is_complete", "is_gone", "is_started", "keep_alive", "scope",
    )  # fmt: skip

    def __init__(self, protocol: "HttpProtocol", scope: Scope, *, keep_alive: bool, expects: bool) -> None:
        self.scope = scope
        self.keep_alive = keep_alive
        self.has_all = False  # of the request's body
        self.is_gone = False  # the client, or its interest
        self.is_started = self.is_complete = False  # the answer
        self._protocol = protocol
        self._expects = expects  # 100 Continue
        self._pieces: list[bytes] = []
        self._waiting = 0
        self._waiter: asyncio.Future[None] | None = None
        self._is_told = False  # that the body ended
        self._is_head = scope["method"] == "HEAD"
        self._head = b""
        self._due: asyncio.Handle | None = None
        self._chunked = False
        self._left: int | None = None  # bytes of the announced length that are still to be sent

    async def run(self, application: Application) -> None:
        """Let the application answer; what it leaves undone ends the connection."""
        try:
            await application(self.scope, self.receive, self.send)
        except BaseException:  # whatever it was, this request is over and the next one must not suffer
            logger.exception("A request broke the application")
            await self._apologise()
        else:
            if not (self.is_complete or self.is_gone):
                self._protocol.close()

    async def _apologise(self) -> None:
        if self.is_started or self.is_gone:
            self._protocol.close()
            return
        headers = [(b"content-length", b"0"), (b"connection", b"close")]
        await self.send({"type": "http.response.start", "status": 500, "headers": headers})
        await self.send({"type": "http.response.body", "body": b""})

    # -- the request's body

    def feed(self, piece: bytes) -> None:
        """A piece of the body came in."""
        if self.is_complete:
            return
        self._pieces.append(piece)
        self._waiting += len(piece)
        if self._waiting > READ_AHEAD:
            self._protocol.pause_reading()
        self.wake()

    def end(self) -> None:
        """The body is all there."""
        self.has_all = True
        self.wake()

    def leave(self) -> None:
        """The client is gone, or has been answered otherwise."""
        self.is_gone = True
        self.wake()

    def wake(self) -> None:
        """Something changed that `receive` may wait for."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def receive(self) -> dict[str, Any]:
        """The next event of the request (ASGI)."""
        if self._expects and not self.is_started:
            self._expects = False
            self._protocol.write(CONTINUE)
        while not self._has_news():
            self._protocol.resume_reading()
            await self._wait()
        if self.is_gone or self.is_complete:
            return {"type": "http.disconnect"}
        body, self._pieces, self._waiting = b"".join(self._pieces), [], 0
        self._is_told = self.has_all
        return {"type": "http.request", "body": body, "more_body": not self.has_all}

    def _has_news(self) -> bool:
        if self.is_gone or self.is_complete or self._pieces:
            return True
        return self.has_all and not self._is_told

    async def _wait(self) -> None:
        self._waiter = self._protocol.loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    # -- the answer

    async def send(self, message: dict[str, Any]) -> None:
        """The next event of the answer (ASGI)."""
        protocol = self._protocol
        if protocol.writable is not None and not self.is_gone:
            await asyncio.shield(protocol.writable)
        if self.is_gone:
            return
        if message["type"] == "http.response.start":
            self._begin(message["status"], message["headers"])
        else:
            self._go_on(message.get("body", b""), more=message.get("more_body", False))

    def _begin(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        self.is_started = True
        lines = [STATUS_LINES[status], self._protocol.date]
        for name, value in headers:
            if name == b"content-length":
                self._left = int(value)
            elif name == b"connection" and value.lower() == b"close":
                self.keep_alive = False  # it is said at the end
                continue
            lines += (name, b": ", value, b"\r\n")
        if self._is_head or status in BODILESS:
            self._left = 0
        elif self._left is None:
            self._announce_chunks(lines)
        lines.append(b"\r\n" if self.keep_alive else b"connection: close\r\n\r\n")
        self._head = b"".join(lines)
        self._due = self._protocol.loop.call_soon(self._flush)

    def _announce_chunks(self, lines: list[bytes]) -> None:
        if (
            self.scope["http_version"] == "1.0"
        ):  # knows no chunks: the end of the connection is the end of the body
            self.keep_alive = False
        else:
            self._chunked = True
            lines.append(b"transfer-encoding: chunked\r\n")

    def _flush(self) -> None:
        self._due = None
        head, self._head = self._head, b""
        if head and not self.is_gone:
            self._protocol.write(head)

    def _go_on(self, body: bytes, *, more: bool) -> None:
        if self._is_head:
            body = b""
        if self._chunked:
            body = _chunk(body, last=not more)
        elif self._left is not None:
            self._left -= len(body)
        data, self._head = self._head + body if self._head else body, b""
        if data:
            self._protocol.write(data)
        if not more:
            self._finish()

    def _finish(self) -> None:
        if self._due is not None:
            self._due.cancel()
        self.is_complete = True
        self.wake()
        if self._left:
            logger.error("The answer is %d bytes off its announced length", self._left)
            self.keep_alive = False
        self._protocol.answered(self)


def _chunk(body: bytes, *, last: bool) -> bytes:
    end = b"0\r\n\r\n" if last else b""
    return b"%x\r\n%b\r\n%b" % (len(body), body, end) if body else end
