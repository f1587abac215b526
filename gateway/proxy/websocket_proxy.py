"""WebSocket connections: who may open one, and everything that passes through it in both directions.

A token comes in the session's cookie, in `Authorization: Bearer`, or as the subprotocol `bearer.<token>`
beside `microcommerce.v1`, since a browser's script cannot set a header. The service behind always gets it
as `Authorization: Bearer`.
"""

import asyncio
import time
from collections.abc import Mapping
from time import perf_counter
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.typing import Subprotocol

from gateway.errors import (
    BadToken,
    Forbidden,
    HttpProblem,
    NotAuthenticated,
    ServiceUnavailable,
)
from gateway.http import problem_responses
from gateway.http.access_log import AccessLog
from gateway.http.exchange import CLIENT_CLOSED_REQUEST, Exchange, Receive, Scope, Send
from gateway.http.metrics import Metrics
from gateway.route_types import WEBSOCKET, Route
from gateway.security.admission import Admission, ForeignOrigin
from gateway.security.client_network import network
from gateway.security.connection_limits import ConnectionLimits
from gateway.security.security_headers import SECURITY_HEADERS
from shared.auth import Principal

PROTOCOL = "microcommerce.v1"
UNAUTHENTICATED, FORBIDDEN = (
    4401,
    4403,
)  # close codes of ours (RFC 6455, section 7.4.2: 4000-4999 are private)
RESTARTING = 1012  # the service went away: come back
ABNORMAL = {1005, 1006, 1015}  # codes that say "there was no close frame" and may not stand in one
OPEN_SECONDS = 5.0
PING_SECONDS = 20.0
MAX_MESSAGE = 1024 * 1024  # bytes of one message from the service
MAX_WAITING = 16  # messages for a slow client that wait here before the service is held back


class WebSocketProxy:
    """Opens connections to the services at `urls` (http://host:port) for clients that are admitted."""

    def __init__(
        self,
        admission: Admission,
        urls: Mapping[str, str],
        limits: ConnectionLimits,
        access: AccessLog,
        metrics: Metrics,
    ) -> None:
        self._admission = admission
        self._limits = limits
        self._access = access
        self._metrics = metrics
        self._urls = {name: url.replace("http", "ws", 1) for name, url in urls.items()}

    async def websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection until either side closes it."""
        await receive()
        exchange = Exchange(scope, receive, send)
        try:
            await self._serve(exchange)
        except (BadToken, NotAuthenticated) as problem:
            await _reject(exchange, UNAUTHENTICATED, problem)
        except ForeignOrigin as problem:
            await _deny(exchange, problem)
        except Forbidden as problem:
            await _reject(exchange, FORBIDDEN, problem)
        except HttpProblem as problem:
            await _deny(exchange, problem)
        except OSError:  # so ASGI says that there is no client left to send to
            exchange.status = exchange.status or CLIENT_CLOSED_REQUEST
            raise
        finally:
            seconds = perf_counter() - exchange.started
            self._access.add(exchange, WEBSOCKET, seconds)

    async def _serve(self, exchange: Exchange) -> None:
        route = await self._admission.admit(exchange)
        principal = exchange.principal
        if principal is None:  # whoever the row is for: a connection lasts as long as its caller's token
            raise NotAuthenticated
        counted_as = network(exchange.address)
        self._limits.enter(counted_as)
        try:
            await self._connect(exchange, route, principal)
        finally:
            self._limits.leave(counted_as)

    async def _connect(self, exchange: Exchange, route: Route, principal: Principal) -> None:
        service = await self._open(exchange, route, principal)
        try:
            await _accept(exchange)
            self._metrics.sockets += 1
            try:
                await _carry(exchange, service, principal.expires_at)
            finally:
                self._metrics.sockets -= 1
        finally:
            service.transport.abort()

    async def _open(self, exchange: Exchange, route: Route, principal: Principal) -> ClientConnection:
        query = f"?{exchange.query.decode('latin-1')}" if exchange.query else ""
        try:
            return await connect(
                f"{self._urls[route.to]}{exchange.path.decode()}{query}",
                subprotocols=[Subprotocol(PROTOCOL)] if PROTOCOL in exchange.scope["subprotocols"] else None,
                additional_headers=_headers(exchange, principal),
                user_agent_header=None,
                compression=None,
                proxy=None,
                open_timeout=OPEN_SECONDS,
                ping_interval=PING_SECONDS,
                close_timeout=OPEN_SECONDS,
                max_size=MAX_MESSAGE,
                max_queue=MAX_WAITING,
            )
        except (OSError, InvalidHandshake) as error:
            raise ServiceUnavailable from error


def _headers(exchange: Exchange, principal: Principal) -> list[tuple[str, str]]:
    forwarded = [
        (name.decode(), value.decode("latin-1"))
        for name, value in exchange.headers.forwarded
        if name != b"origin"
    ]
    return [
        *forwarded,
        ("Authorization", f"Bearer {principal.token}"),
        ("X-Forwarded-For", exchange.address),
        ("X-Request-ID", exchange.request_id.decode()),
        ("traceparent", str(exchange.hop)),
    ]


async def _accept(exchange: Exchange) -> None:
    offered = exchange.scope["subprotocols"]
    headers = [(b"x-request-id", exchange.request_id)]
    chosen = PROTOCOL if PROTOCOL in offered else None
    await exchange.send({"type": "websocket.accept", "subprotocol": chosen, "headers": headers})
    exchange.status = 101


async def _deny(exchange: Exchange, problem: HttpProblem) -> None:
    exchange.status = problem.status
    body = problem_responses.document(problem, exchange.path, exchange.hop)
    headers = [
        *problem_responses.headers(problem, body),
        (b"x-request-id", exchange.request_id),
        *SECURITY_HEADERS,
    ]
    start = {"type": "websocket.http.response.start", "status": problem.status, "headers": headers}
    await exchange.send(start)
    await exchange.send({"type": "websocket.http.response.body", "body": body})


async def _reject(exchange: Exchange, code: int, problem: HttpProblem) -> None:
    # A browser's script sees the close code only of a connection that was accepted.
    await _accept(exchange)
    exchange.status = code
    await _close(exchange, code, problem.detail)


async def _close(exchange: Exchange, code: int, reason: str = "") -> None:
    await exchange.send({"type": "websocket.close", "code": code, "reason": reason[:120]})


async def _carry(exchange: Exchange, service: ClientConnection, expires_at: float) -> None:
    """Pass messages both ways until one side closes or the token expires; then close the other side likewise."""
    inward = asyncio.ensure_future(_inward(exchange, service))
    outward = asyncio.ensure_future(_outward(exchange, service))
    try:
        seconds = max(0.0, expires_at - time.time())
        done, _ = await asyncio.wait({inward, outward}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if inward in done:
            await service.close(*inward.result())
        elif outward in done:
            await _close(exchange, *outward.result())
        else:
            await _close(exchange, UNAUTHENTICATED, "The token has expired.")
            await service.close(1000)
    finally:
        inward.cancel()
        outward.cancel()
        await asyncio.gather(inward, outward, return_exceptions=True)


async def _inward(exchange: Exchange, service: ClientConnection) -> tuple[int, str]:
    """Client to service, until the client closes: its code and reason."""
    while True:
        message = await exchange.receive()
        if message["type"] == "websocket.disconnect":
            return _sendable(message.get("code") or 1005, 1000), message.get("reason") or ""
        text = message.get("text")
        try:
            await service.send(message["bytes"] if text is None else text)
        except ConnectionClosed:
            await asyncio.Future()  # the other direction knows the code


async def _outward(exchange: Exchange, service: ClientConnection) -> tuple[int, str]:
    """Service to client, until the service closes: its code and reason."""
    while True:
        try:
            message: Any = await service.recv()
        except ConnectionClosed as closed:
            if closed.rcvd is None:
                return RESTARTING, "The service went away: connect again."
            return _sendable(closed.rcvd.code, 1000), closed.rcvd.reason
        kind = "text" if isinstance(message, str) else "bytes"
        await exchange.send({"type": "websocket.send", kind: message})


def _sendable(code: int, instead: int) -> int:
    return instead if code in ABNORMAL else code
