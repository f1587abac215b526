"""One request on its way through the gateway, and the answer it gets."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterable
from ipaddress import ip_address
from typing import Any
from urllib.parse import parse_qs

from django.conf import settings

from gateway.errors import HttpProblem
from gateway.http import problem_responses
from gateway.http.request_body import Body
from gateway.http.request_head import expects_continue
from gateway.route_types import WEBSOCKET, Route
from gateway.security.header_filter import ClientHeaders, Header, filter_client_headers
from gateway.security.rate_limit import Allowance
from gateway.security.security_headers import SECURITY_HEADERS
from shared.auth import Principal
from shared.http.accept import wants_page
from shared.telemetry import trace

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

SMALL = 64 * 1024  # bytes of an unread body that are not worth a connection
LINGER_SECONDS = (
    1.0  # so long is a refused body read and thrown away: the client must get to read the refusal
)
MAX_ID = 128
CLIENT_CLOSED_REQUEST = 499  # the status that is logged where the client went away; it is never sent
FORMATS = {b"api": True, b"json": False}  # values of `format`, and whether a page is asked for
_ID_CHARACTERS = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.:-")


class Exchange:
    """A request and its answer. `status` is 0 until an answer began."""

    __slots__ = (
        "address", "allowance", "body", "cors", "headers", "hop", "is_identified", "method", "opens_websocket", "path", "principal", "query",
        "receive", "request_id", "route", "scope", "send", "session_key", "started", "status",
    )  # fmt: skip

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.started = time.perf_counter()
        self.scope, self.receive, self.send = scope, receive, send
        self.opens_websocket: bool = scope["type"] == "websocket"
        self.method: str = WEBSOCKET if self.opens_websocket else scope["method"]
        self.path: bytes = scope["raw_path"]
        self.query: bytes = scope["query_string"]
        self.headers: ClientHeaders = filter_client_headers(scope["headers"])
        self.hop = trace.continue_from(self.headers.read.get(b"traceparent", b"").decode("latin-1"))
        self.request_id = _request_id(self.headers.read.get(b"x-request-id"), self.hop)
        self.address = _address(scope, self.headers)
        self.cors: list[Header] = []  # what pages of other sites are told with the answer
        self.principal: Principal | None = None
        self.is_identified = False  # whether it is known that there is nobody where `principal` is None
        self.session_key: str | None = None  # of the browser, as its cookie says; it may have ended
        self.route: Route | None = None
        self.body: Body | None = None
        self.allowance: Allowance | None = None
        self.status = 0

    @property
    def content_length(self) -> int:
        """The announced length of the body in bytes; 0 where none is announced."""
        return int(self.headers.read.get(b"content-length", b"0"))

    @property
    def is_chunked(self) -> bool:
        """Whether the body comes in chunks, so that its length is not known beforehand."""
        return b"transfer-encoding" in self.headers.read

    @property
    def has_body(self) -> bool:
        """Whether the request was announced with a body."""
        return self.is_chunked or self.content_length > 0

    @property
    def is_for_people(self) -> bool:
        """Whether a page is asked for, as browsers do for what they show; programs name JSON, or nothing.

        `?format=` decides where the API takes it, as in `shared.http.negotiation`.
        """
        if b"format=" in self.query and self.path.startswith(b"/api/"):
            named = parse_qs(self.query).get(b"format", [b""])[-1]
            if named in FORMATS:
                return FORMATS[named]
        accepted = b",".join(value for name, value in self.headers.forwarded if name == b"accept")
        return wants_page(accepted.decode("latin-1"))

    @property
    def account(self) -> dict[str, Any]:
        """Who is signed in and where they are, as every page shows it."""
        here = self.path + b"?" + self.query if self.query else self.path
        return {
            "principal": self.principal,
            "is_unknown": self.principal is None and not self.is_identified,
            "here": here.decode("latin-1"),
        }

    def release_body(self) -> None:
        """The request's body is no longer needed."""
        if self.body is not None:
            self.body.release()

    async def wait_until_gone(self) -> None:
        """Wait until the client leaves; what comes of the request until then is thrown away."""
        while (await self.receive())["type"] != "http.disconnect":
            pass

    async def begin(self, status: int, headers: Iterable[Header]) -> None:
        """Begin the answer; what every answer carries is added here."""
        self.status = status
        left = self.allowance.headers() if self.allowance else ()
        every = [*headers, (b"x-request-id", self.request_id), *left, *self.cors, *SECURITY_HEADERS]
        await self.send({"type": "http.response.start", "status": status, "headers": every})

    async def write(self, body: bytes, *, more: bool = False) -> None:
        """Send a piece of the answer's body."""
        await self.send({"type": "http.response.body", "body": body, "more_body": more})

    async def answer(self, status: int, headers: Iterable[Header], body: bytes) -> None:
        """Send a whole answer."""
        await self.begin(status, [*headers, (b"content-length", b"%d" % len(body))])
        await self.write(body)

    async def send_problem(self, problem: HttpProblem) -> None:
        """Send the problem document of `problem`; what was held of the request's body is free for others."""
        self.release_body()
        if self.is_for_people:
            body = problem_responses.page(problem, self.account, self.path, self.hop)
            headers = problem_responses.headers(problem, body, problem_responses.PAGE_TYPE)
        else:
            body = problem_responses.document(problem, self.path, self.hop)
            headers = problem_responses.headers(problem, body)
        if not (problem.is_final or self._leaves_much_unread()):
            await self.begin(problem.status, headers)
            await self.write(body)
            return
        await self.begin(problem.status, [*headers, (b"connection", b"close")])
        await self.write(body, more=True)
        await self._linger()
        await self.write(b"")

    @property
    def _waits_to_be_asked(self) -> bool:
        expect = self.headers.read.get(b"expect")
        return expect is not None and expects_continue(expect) and self.scope["http_version"] != "1.0"

    def _leaves_much_unread(self) -> bool:
        if self.body is not None and not self.body.has_more:
            return False
        # A client that waits to be asked sends no body now, but its length was announced.
        return self.is_chunked or self._waits_to_be_asked or self.content_length > SMALL

    async def _linger(self) -> None:
        if not self.has_body or self._waits_to_be_asked:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LINGER_SECONDS):
                while (await self.receive()).get("more_body"):
                    pass


def _address(scope: Scope, headers: ClientHeaders) -> str:
    """Who is calling: the peer, or what the outermost of our own proxies says it was."""
    peer: str = scope["client"][0] if scope.get("client") else ""
    proxies: int = settings.ENVIRONMENT.trusted_proxies
    if not proxies:
        return peer
    hops = [hop.strip() for hop in headers.read.get(b"x-forwarded-for", b"").decode("latin-1").split(",")]
    return hops[-proxies] if len(hops) >= proxies and _is_address(hops[-proxies]) else peer


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _request_id(given: bytes | None, hop: trace.TraceParent) -> bytes:
    if given and len(given) <= MAX_ID and _ID_CHARACTERS.issuperset(given):
        return given
    # Random already, and another one for each request of a trace.
    return (hop.trace_id[:16] + hop.span_id).encode()
