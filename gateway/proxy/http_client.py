"""One HTTP/1.1 connection to a service, as a client: the small seam between the gateway and the wire.

llhttp (through httptools) does the parsing and refuses what is ambiguous. See ADR 0004 for why this is not a
general HTTP client: it is twice as quick as the next best one and does only what a proxy needs.
"""

import asyncio
from collections.abc import Callable

import httptools

Header = tuple[bytes, bytes]

READ_AHEAD = 256 * 1024  # bytes of an answer that wait here for a slow client before the service is held back
BODILESS = {204, 304}
FINAL = 200  # the first status that is not interim


class ServiceError(Exception):
    """The exchange with the service failed."""


class Unreachable(ServiceError):
    """No connection could be made: the request did not leave."""


class Stale(ServiceError):
    """A connection that had been used before was closed before any byte of the answer came."""


class Broken(ServiceError):
    """The service closed the connection, or wrote something that is not HTTP, in mid-answer."""


class TimedOut(ServiceError):
    """The service did not go on in time."""


class Connection(asyncio.Protocol):
    """One connection, one exchange at a time: `begin`, `head`, then `read` until it returns b""."""

    def __init__(self, closed: "Callable[[Connection], None]") -> None:
        self._closed = closed
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._exchanges = 0
        self._method = ""
        self.is_open = False
        self._reset("")

    def _reset(self, method: str) -> None:
        if self._method in {"", "HEAD"}:  # after HEAD the parser still waits for a body that does not come
            self._parser = httptools.HttpResponseParser(self)
        self._method = method
        self._error: ServiceError | None = None
        self._chunks: list[bytes] = []
        self._waiting = 0
        self._paused = self._begun = self._has_head = self._framed = self._keep = False
        self.is_complete = not method
        self.status = 0
        self.headers: list[Header] = []

    # -- the exchange

    def begin(self, method: str, data: bytes) -> None:
        """Send a request."""
        self._reset(method)
        self._exchanges += 1
        if self._transport is not None:
            self._transport.write(data)

    async def head(self, seconds: float) -> None:
        """Wait for `status` and `headers`."""
        while not self._has_head:
            await self._progress(seconds)

    def take(self) -> bytes:
        """What has come of the body and was not taken yet."""
        body = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks = []
        self._waiting = 0
        if self._paused and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()
        return body

    async def read(self, seconds: float) -> bytes:
        """The next piece of the body; b"" at its end."""
        while not self._chunks and not self.is_complete:
            await self._progress(seconds)
        return self.take()

    @property
    def is_reusable(self) -> bool:
        """Whether another exchange may follow on this connection."""
        return self.is_open and self.is_complete and self._keep

    def abort(self) -> None:
        """Close the connection at once."""
        self.is_open = False
        if self._transport is not None:
            self._transport.abort()

    async def _progress(self, seconds: float) -> None:
        if self._error is not None:
            raise self._error
        waiter = self._waiter = self._loop.create_future()
        timer = self._loop.call_later(seconds, self._fail, TimedOut(f"nothing came for {seconds} s"))
        try:
            await waiter
        finally:
            timer.cancel()
            self._waiter = None
        if self._error is not None:
            raise self._error

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _fail(self, error: ServiceError) -> None:
        if self._error is None and not self.is_complete:
            self._error = error
        self.abort()
        self._wake()

    # -- the wire (asyncio.Protocol)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands."""
        self._transport = transport  # type: ignore[assignment]
        self.is_open = True

    def data_received(self, data: bytes) -> None:
        """Part of an answer. Whatever comes when none is due ends the connection."""
        if self.is_complete:
            self.abort()
            return
        self._begun = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(Broken(f"not HTTP: {error}"))
        if self._waiting > READ_AHEAD and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone: the natural end of an answer without a length, a failure of any other."""
        self.is_open = False
        if not self.is_complete:
            if self._has_head and not self._framed and exc is None:
                self.is_complete = True
            else:
                used = self._exchanges > 1 and not self._begun
                self._fail(Stale("closed while idle") if used else Broken(f"closed in mid-answer ({exc})"))
        self._wake()
        self._closed(self)

    # -- the parser

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header; fields that trail a chunked body are dropped."""
        if not self._has_head:
            self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """The head is there, unless it was an interim one (1xx)."""
        self.status = self._parser.get_status_code()
        if self.status < FINAL:
            return
        self._has_head = True
        self._keep = self._parser.should_keep_alive()
        names = {name for name, _ in self.headers}
        self._framed = bool(names & {b"content-length", b"transfer-encoding"}) or self.status in BODILESS
        if self._method == "HEAD":  # the parser cannot know that the length announces nothing
            self.is_complete = True

    def on_body(self, body: bytes) -> None:
        """A piece of the body; one that follows the end of the answer ends the connection's use."""
        if self.is_complete:
            self._keep = False
            return
        self._chunks.append(body)
        self._waiting += len(body)

    def on_message_complete(self) -> None:
        """The end of the answer, or of an interim one."""
        if self._has_head:
            self.is_complete = True
        else:
            self.headers.clear()

    def on_message_begin(self) -> None:
        """A second answer to one request ends the connection's use."""
        if self.is_complete:
            self._keep = False
