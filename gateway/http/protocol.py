"""A client's connection: bytes in, requests out, and everything that must be refused before it is a request.

This is the HTTP protocol of the uvicorn server, in place of its own, which sets no limit to the size of a
request's head and no time for it to arrive, and takes the trailers of a chunked body for headers. llhttp
(through httptools) parses, and refuses whatever could be read in two ways. ADR 0004 tells the whole story.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import httptools
from django.conf import settings

from gateway.errors import BadRequest, HeadersTooLarge, HttpProblem, SlowRequest
from gateway.http.client_transport import LINGER_SECONDS, ClientTransport
from gateway.http.deadline import Deadline
from gateway.http.problem_responses import raw
from gateway.http.request_head import MAX_BYTES, RequestHead
from gateway.http.request_response import RequestResponse
from gateway.http.websocket_handshake import check_handshake, is_handshake, plain_handshake
from gateway.security.client_network import network
from gateway.security.connection_limits import client_connections, refused_connections

if TYPE_CHECKING:
    from uvicorn.config import Config
    from uvicorn.server import ServerState

    from gateway.http.websocket_protocol import WebSocketProtocol

logger = logging.getLogger(__name__)

KEEP_ALIVE_SECONDS = 75.0  # as browsers and proxies expect; an idle connection costs a few kilobytes


class HttpProtocol(asyncio.Protocol):
    """One client connection. The signature is what uvicorn calls."""

    def __init__(
        self,
        config: "Config",
        server_state: "ServerState",
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self.loop = _loop or asyncio.get_running_loop()
        self.writable: asyncio.Future[None] | None = None  # set while the client does not read
        self._config = config
        self._state = server_state
        self._app_state = app_state
        self._application: Any = config.loaded_app
        self._parser = httptools.HttpRequestParser(self)
        self._transport: Any = None
        self._client: tuple[str, int] | None = None
        self._opens_socket = False  # the request that has just been read does
        self._cycle: RequestResponse | None = None  # whose answer is due or under way
        self._reading: RequestResponse | None = None  # whose body is coming in
        self._waiting: deque[RequestResponse] = (
            deque()
        )  # requests that came before the one before them was answered
        self._ignores_input = self._is_paused = False
        self._head = RequestHead()
        self._in_head = True
        self._begun_now = False  # the head that is due began within the bytes that are being read
        self._head_bytes = 0
        self._alarm = Deadline(self.loop, self._time_out)

    # -- the wire (asyncio.Protocol)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client connected: its first request must come in time."""
        self._client = transport.get_extra_info("peername")
        counted_as = network(self._client[0] if self._client else "")
        limits = client_connections()
        try:
            limits.enter(counted_as)
        except HttpProblem as problem:
            self._reject(transport, counted_as, problem)
            return
        self._transport = self._wrap(transport, lambda: limits.leave(counted_as))
        self._state.connections.add(self)  # type: ignore[arg-type]
        self._alarm.set(settings.ENVIRONMENT.head_seconds)

    def _wrap(self, transport: asyncio.BaseTransport, lost: Callable[[], None]) -> ClientTransport:
        seconds = settings.ENVIRONMENT.write_seconds
        return ClientTransport(cast("asyncio.Transport", transport), self.loop, seconds, lost)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._transport.lost()
        self._leave()
        self.resume_writing()
        for cycle in (self._cycle, *self._waiting):
            if cycle is not None:
                cycle.leave()

    def data_received(self, data: bytes) -> None:
        """Bytes from the client; those that follow a refusal are thrown away."""
        self._begun_now = False
        left = memoryview(data)
        while left and not self._ignores_input:
            left = self._parse(left)
        if self._in_head and not self._ignores_input:
            self._check_head(len(data))

    def _parse(self, data: memoryview) -> memoryview:
        """Have bytes parsed. Returns those that the parser has left."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserCallbackError as error:
            self.refuse(_cause(error))
        except httptools.HttpParserError as error:
            self.refuse(BadRequest(f"This is not HTTP/1.1: {error}."))
        except httptools.HttpParserUpgrade as upgrade:
            left = data[upgrade.args[0] :]
            self._upgrade(left)
            return left
        return data[:0]

    def pause_writing(self) -> None:
        """The client does not read as quickly as it is written to."""
        self.writable = self.loop.create_future()
        self._transport.paused()

    def resume_writing(self) -> None:
        """The client reads again, or is gone."""
        self._transport.resumed()
        if self.writable is not None and not self.writable.done():
            self.writable.set_result(None)
        self.writable = None

    # -- what a cycle needs

    @property
    def date(self) -> bytes:
        """The Date header's line; uvicorn renews it every second."""
        dated = self._state.default_headers
        return b"date: %b\r\n" % dated[0][1] if dated else b""

    def write(self, data: bytes) -> None:
        """Send bytes to the client."""
        self._transport.write(data)

    def close(self) -> None:
        """Close the connection when what was written has left, or the client does not take it."""
        self._transport.close()

    def pause_reading(self) -> None:
        """Stop reading from the client for now."""
        if not self._is_paused:
            self._is_paused = True
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Read from the client again."""
        if self._is_paused and not self._transport.is_closing():
            self._is_paused = False
            self._transport.resume_reading()

    def answered(self, cycle: RequestResponse) -> None:
        """The answer of `cycle` has been written: on to the next request, or to waiting for one."""
        if not cycle.keep_alive:
            self.close()
        elif self._waiting:
            self._start(self._waiting.popleft())
        else:
            self.resume_reading()
            if not self._head_bytes:
                self._alarm.set(KEEP_ALIVE_SECONDS)

    def shutdown(self) -> None:
        """Called by uvicorn when the process is to stop: finish what is under way and nothing more."""
        if self._cycle is None or self._cycle.is_complete:
            self.close()
        else:
            self._cycle.keep_alive = False

    # -- the parser (httptools)

    def on_message_begin(self) -> None:
        """A request begins."""
        self._head = RequestHead()

    def on_url(self, url: bytes) -> None:
        """A part of the address."""
        self._head.add_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header; what trails a chunked body is dropped, since nobody judged it."""
        if self._in_head:
            self._head.add_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is complete: start the request, or refuse it."""
        self._in_head, self._head_bytes = False, 0
        self._alarm.clear()
        method, version = self._parser.get_method(), self._parser.get_http_version()
        if self._parser.should_upgrade() and method != b"CONNECT":
            self._reading = None
            self._opens_socket = is_handshake(self._head, method, version)
            if self._opens_socket:
                check_handshake(self._head)
            return
        keep_alive = version == "1.1" and self._parser.should_keep_alive()
        scope = self._head.scope(method, version, self._client)
        cycle = RequestResponse(
            self, scope, keep_alive=keep_alive, expects=self._head.expects and version == "1.1"
        )
        self._reading = cycle
        if self._cycle is None or self._cycle.is_complete:
            self._start(cycle)
        else:
            self._waiting.append(cycle)
            self.pause_reading()

    def on_body(self, body: bytes) -> None:
        """A piece of a body."""
        if self._reading is not None:
            self._reading.feed(body)

    def on_message_complete(self) -> None:
        """The request is all there; another may follow."""
        self._in_head = self._begun_now = True
        if self._reading is not None:
            self._reading.end()

    def _start(self, cycle: RequestResponse) -> None:
        self._cycle = cycle
        task = self.loop.create_task(cycle.run(self._application))
        self._state.tasks.add(task)
        task.add_done_callback(self._state.tasks.discard)

    # -- WebSocket and other upgrades

    def _upgrade(self, left: memoryview) -> None:
        """The parser has stopped behind a head that asks for an upgrade, and takes what is `left` for no body."""
        if self._reading is not None:  # CONNECT: it is refused, and whatever follows is no request
            self._ignores_input = True
            self._reading.keep_alive = False
        elif not self._opens_socket:
            self._ignore_upgrade()
        elif left or (self._cycle is not None and not self._cycle.is_complete):
            self.refuse(
                BadRequest("A WebSocket's opening comes alone: answers before it, nothing behind it.")
            )
        else:
            self._become_socket()

    def _ignore_upgrade(self) -> None:
        """Read the head again as if no upgrade were asked for, so that its body is read as a body."""
        head = self._head.without_upgrade(self._parser.get_method(), self._parser.get_http_version())
        self._parser = httptools.HttpRequestParser(self)
        self._parse(memoryview(head))

    def _become_socket(self) -> None:
        self._leave()
        make: Any = self._config.ws_protocol_class
        socket: WebSocketProtocol = make(
            config=self._config, server_state=self._state, app_state=self._app_state
        )
        socket.connection_made(self._transport)
        self._transport.set_protocol(socket)
        socket.open(plain_handshake(self._head))

    def _leave(self) -> None:
        self._state.connections.discard(self)
        self._ignores_input = True
        self._alarm.stop()

    # -- time

    def _time_out(self) -> None:
        if self._head_bytes:
            self.refuse(SlowRequest())
        else:
            self.close()

    def _check_head(self, size: int) -> None:
        """Part of a head came in: not too much of it, and not for too long."""
        was_empty = not self._head_bytes
        self._head_bytes = 0 if self._begun_now else self._head_bytes + size
        if self._head_bytes > MAX_BYTES:
            self.refuse(HeadersTooLarge())
        elif self._head_bytes and was_empty:
            self._alarm.set(settings.ENVIRONMENT.head_seconds)

    # -- refusals

    def _reject(self, transport: asyncio.BaseTransport, counted_as: str, problem: HttpProblem) -> None:
        """There is no room for this connection: say so, where not too many are being told so already."""
        self._ignores_input = True
        explained = refused_connections()
        try:
            explained.enter(counted_as)
        except HttpProblem:
            transport.close()
            self._transport = self._wrap(transport, lambda: None)
        else:
            self._transport = self._wrap(transport, lambda: explained.leave(counted_as))
            self._respond_and_close(problem)

    def refuse(self, problem: HttpProblem) -> None:
        """Answer with a problem document, close, and listen no more."""
        self._ignores_input = True
        self._alarm.clear()
        logger.info(
            "refused", extra={"status": problem.status, "detail": problem.detail, "client": self._client}
        )
        cycle = self._cycle
        if cycle is None or cycle.is_complete:
            self._respond_and_close(problem)
        elif cycle is not self._reading or self._in_head:
            cycle.keep_alive = False  # its own answer comes first, and is the last
            self._waiting.clear()
        elif cycle.is_started:
            self.close()
        else:
            cycle.leave()
            self._respond_and_close(problem)

    def _respond_and_close(self, problem: HttpProblem) -> None:
        self.write(raw(problem))
        if self._transport.can_write_eof():
            self._transport.write_eof()
        self.loop.call_later(LINGER_SECONDS, self.close)


def _cause(error: Exception) -> HttpProblem:
    cause = error.__context__
    if isinstance(cause, HttpProblem):
        return cause
    logger.error("A request could not be read", exc_info=cause)
    return BadRequest()
