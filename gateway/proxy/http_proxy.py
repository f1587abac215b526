"""Brings a request to its service and the answer back."""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from gateway.errors import HttpProblem, ServiceBroke, ServiceTimeout, ServiceUnavailable
from gateway.http.exchange import Exchange
from gateway.http.request_body import BodyReader, ClientDisconnected
from gateway.proxy.http_client import BODILESS, Connection, ServiceError, TimedOut, Unreachable
from gateway.proxy.upstream import Call, Upstream
from gateway.route_types import SAFE, Route
from gateway.security.header_filter import ADMINS, Header, filter_service_headers
from shared.auth import Principal

logger = logging.getLogger(__name__)

ADMIN = b"/admin/"
PAUSE_SECONDS = 30.0  # without a byte from the service in mid-answer


class ResponseTruncated(Exception):
    """The answer had begun and cannot be finished: only closing the connection tells the client."""


class HttpProxy:
    """Forwards requests to `upstreams`, the services by name."""

    def __init__(
        self,
        upstreams: Mapping[str, Upstream],
        gateway_url: str,
        bodies: BodyReader,
        admins: Iterable[str] = (),
    ) -> None:
        self._upstreams = upstreams
        public = urlsplit(gateway_url)
        self._bodies = bodies
        # The header of each service's admin leads to the others: which there are, only the route table knows.
        self._admins = b"%s: %s\r\n" % (ADMINS, ",".join(admins).encode())
        self._forwarded = (
            f"host: {public.netloc}\r\nx-forwarded-host: {public.netloc}\r\nx-forwarded-proto: {public.scheme}\r\n"
        ).encode()

    async def forward(self, exchange: Exchange, route: Route) -> None:
        """Send the request of `exchange` to the service of `route` and answer with what comes back."""
        await self.finish(await self.ask(exchange, route), exchange, route)

    async def ask(self, exchange: Exchange, route: Route, *, for_anyone: bool = False) -> Connection:
        """Send the request and wait for the head of the answer, which must be finished or released. Raises Refusal.

        `for_anyone`: without the caller's token, so that the answer cannot be about the caller.
        """
        body = await self._bodies.read(exchange, route.limits.body)
        principal = None if for_anyone else exchange.principal
        call = Call(exchange.method, self._head(exchange, principal, len(body)), body, route.limits.seconds)
        try:
            return await self._upstreams[route.to].call(call)
        except ServiceError as error:
            raise _problem_of(route, error) from error
        finally:
            exchange.release_body()

    async def finish(self, answer: Connection, exchange: Exchange, route: Route) -> None:
        """Answer with what `ask` brought."""
        try:
            await _relay(answer, exchange)
        finally:
            self.release(answer, route)

    def release(self, answer: Connection, route: Route) -> None:
        """The exchange with the service is over."""
        self._upstreams[route.to].release(answer)

    def _head(self, exchange: Exchange, principal: Principal | None, length: int) -> bytes:
        target = exchange.path + b"?" + exchange.query if exchange.query else exchange.path
        parts = [exchange.method.encode(), b" ", target, b" HTTP/1.1\r\n", self._forwarded]
        for name, value in exchange.headers.forwarded:
            parts += (name, b": ", value, b"\r\n")
        if principal is not None:
            parts += (b"authorization: Bearer ", principal.token.encode("latin-1"), b"\r\n")
        if exchange.path.startswith(ADMIN):
            parts.append(self._admins)
        if exchange.method not in SAFE:
            parts.append(b"content-length: %d\r\n" % length)
        parts += (
            b"x-forwarded-for: ", exchange.address.encode(), b"\r\nx-request-id: ", exchange.request_id,
            b"\r\ntraceparent: ", str(exchange.hop).encode(), b"\r\n\r\n",
        )  # fmt: skip
        return b"".join(parts)


def with_cache_control(exchange: Exchange, headers: list[Header]) -> list[Header]:
    """`headers` for the caller: what somebody who is signed in is told is for nobody else, unless the service says more."""
    if exchange.principal is None or any(name == b"cache-control" for name, _ in headers):
        return headers
    return [*headers, (b"cache-control", b"private, no-cache")]


async def _relay(answer: Connection, exchange: Exchange) -> None:
    headers = filter_service_headers(answer.headers, bodiless=answer.status in BODILESS)
    await exchange.begin(answer.status, with_cache_control(exchange, headers))
    if answer.is_complete:
        await exchange.write(answer.take())
        return
    try:
        await _stream(answer, exchange)
    except ServiceError as error:
        raise ResponseTruncated(str(error)) from error


async def _stream(answer: Connection, exchange: Exchange) -> None:
    gone = asyncio.ensure_future(exchange.wait_until_gone())
    try:
        while piece := await answer.read(PAUSE_SECONDS):
            await exchange.write(piece, more=True)
            if gone.done():
                raise ClientDisconnected
    finally:
        gone.cancel()
    await exchange.write(b"")


def _problem_of(route: Route, error: ServiceError) -> HttpProblem:
    logger.warning("%s does not answer: %s", route.to, error)
    if isinstance(error, TimedOut):
        return ServiceTimeout()
    return ServiceUnavailable() if isinstance(error, Unreachable) else ServiceBroke()
