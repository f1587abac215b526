"""The gateway's pages that Django answers, asked as the public address would be."""

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from gateway.http.exchange import Exchange, Receive, Scope, Send
from gateway.http.request_body import BodyReader
from gateway.route_types import Route
from gateway.security.admission import check_encoding

Application = Callable[[Scope, Receive, Send], Awaitable[None]]

FOR_DJANGO = (
    b"cookie",
    b"content-length",
    b"transfer-encoding",
)  # headers that the gateway reads, and Django too


class DjangoPages:
    """Passes requests to `django`, an ASGI application, with the caller that the gateway has found."""

    def __init__(self, django: Application, gateway_url: str, bodies: BodyReader) -> None:
        self._django = django
        self._public = urlsplit(gateway_url)
        self._bodies = bodies

    async def respond(self, exchange: Exchange, route: Route) -> None:
        """Answer the request of `exchange` with what Django says."""
        check_encoding(exchange)
        body = await self._bodies.read(exchange, route.limits.body)

        async def send(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                await exchange.begin(message["status"], message["headers"])
            else:
                await exchange.send(message)

        await self._django(self._scope(exchange), _received(exchange, body), send)

    def _scope(self, exchange: Exchange) -> Scope:
        read = exchange.headers.read
        headers = [*exchange.headers.forwarded, *((name, read[name]) for name in FOR_DJANGO if name in read)]
        return {
            **exchange.scope,
            "scheme": self._public.scheme,
            "headers": [*headers, (b"host", self._public.netloc.encode())],
            "principal": exchange.principal,
            "session_key": exchange.session_key,
        }


def _received(exchange: Exchange, body: bytes) -> Receive:
    """What Django receives: the request's body, and then no more than that the client has gone."""
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> dict[str, Any]:
        if waiting:
            return waiting.pop()
        await exchange.wait_until_gone()
        return {"type": "http.disconnect"}

    return receive
