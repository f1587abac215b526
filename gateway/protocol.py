"""The bytes of a client connection before they are a request: uvicorn's protocol, stricter where a front door must be.

uvicorn sets no limit to the size of a request's head and no time for it to arrive, answers what is not HTTP
in plain text, and takes the trailers of a chunked body for headers. ADR 0004 says why it is uvicorn.
"""

import asyncio
import json
import logging
from typing import TYPE_CHECKING, Any

import httptools
from django.conf import settings
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from gateway.errors import BadRequest, HeadersTooLarge, Refusal, SlowRequest, UriTooLong
from gateway.exchange import EVERY_ANSWER
from shared.http.documents import CONTENT_TYPE, problem_document
from shared.telemetry import trace

if TYPE_CHECKING:
    from uvicorn.config import Config

logger = logging.getLogger(__name__)

MAX_HEAD = 32 * 1024  # bytes of a request line and its headers
MAX_LINE = 8 * 1024  # bytes of an address
MAX_HEADERS = 100
LINGER_SECONDS = 1.0  # so long is read and thrown away after a refusal, so that the client gets to read it


class FrontProtocol(HttpToolsProtocol):
    """One client connection."""

    def __init__(self, config: "Config", *rest: Any, **named: Any) -> None:
        super().__init__(config, *rest, **named)
        self._in_head = True
        self._begun_now = False  # the head that is due began within the bytes that are being read
        self._head_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = None
        self._is_deaf = False

    # -- the wire

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client connected: its first request must come in time."""
        super().connection_made(transport)
        self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes from the client; those that follow a refusal are thrown away."""
        if self._is_deaf:
            return
        self._unset_keepalive_if_required()
        self._begun_now = False
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserCallbackError as error:
            self.refuse(_cause(error))
        except httptools.HttpParserError as error:
            self.refuse(BadRequest(f"This is not HTTP/1.1: {error}."))
        except httptools.HttpParserUpgrade:
            self._upgrade()
        else:
            self._judge_head(len(data))

    def _judge_head(self, size: int) -> None:
        if not self._in_head:
            return
        self._head_bytes = 0 if self._begun_now else self._head_bytes + size
        if self._head_bytes > MAX_HEAD:
            self.refuse(HeadersTooLarge())
        elif self._head_bytes and self._head_timer is None:
            self._start_timer()

    def _upgrade(self) -> None:
        self._stop_timer()
        if self._should_upgrade():
            self.handle_websocket_upgrade()
        else:  # answered as if nothing had been asked, but the parser cannot go on from here
            self._is_deaf = True
            self.cycle.keep_alive = False

    # -- the parser

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._size = 0

    def on_url(self, url: bytes) -> None:
        """A part of the address."""
        super().on_url(url)
        if len(self.url) > MAX_LINE:
            raise UriTooLong

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header; what trails a chunked body is dropped, since nobody judged it."""
        if not self._in_head:
            return
        super().on_header(name, value)
        self._size += len(name) + len(value)
        if self._size > MAX_HEAD or len(self.headers) > MAX_HEADERS:
            raise HeadersTooLarge

    def on_headers_complete(self) -> None:
        """The request can be judged."""
        self._in_head, self._head_bytes = False, 0
        self._stop_timer()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The request is all there; another may follow."""
        super().on_message_complete()
        self._in_head = self._begun_now = True

    # -- time

    def _start_timer(self) -> None:
        self._head_timer = self.loop.call_later(settings.ENVIRONMENT.head_seconds, self._head_is_late)

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_is_late(self) -> None:
        self._head_timer = None
        if self._head_bytes:
            self.refuse(SlowRequest())
        else:
            self.transport.close()

    # -- refusals

    def refuse(self, refusal: Refusal) -> None:
        """Answer with a problem document, close, and listen no more."""
        self._is_deaf = True
        self._stop_timer()
        logger.info(
            "refused", extra={"status": refusal.status, "detail": refusal.detail, "client": self.client}
        )
        if self._is_answering():
            self.transport.close()
            return
        self.transport.write(_answer(refusal))
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(LINGER_SECONDS, self.transport.close)

    def _is_answering(self) -> bool:
        """Whether an answer is on its way that a refusal would corrupt; one that has not begun is called off."""
        cycle: RequestResponseCycle | None = (
            self.cycle
        )  # uvicorn's annotation forgets that there may be none yet
        if cycle is None or cycle.response_complete:
            return False
        if cycle.response_started:
            return True
        cycle.disconnected = True
        cycle.message_event.set()
        return False


def _cause(error: Exception) -> Refusal:
    cause = error.__context__
    if isinstance(cause, Refusal):
        return cause
    logger.error("A request could not be read", exc_info=cause)
    return BadRequest()


def _answer(refusal: Refusal) -> bytes:
    hop = trace.start()
    with trace.use(hop):
        document = problem_document(
            settings.GATEWAY_URL, refusal.slug, refusal.status, refusal.detail, "", refusal.heading
        )
    body = json.dumps(document).encode()
    headers = [
        *refusal.headers,
        *EVERY_ANSWER,
        (b"content-type", CONTENT_TYPE.encode()),
        (b"content-length", b"%d" % len(body)),
        (b"connection", b"close"),
    ]
    lines = b"".join(b"%b: %b\r\n" % header for header in headers)
    return STATUS_LINE[refusal.status] + lines + b"\r\n" + body
