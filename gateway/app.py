"""The front door: an ASGI application that decides by the route table and answers, forwards or refuses."""

import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any
from urllib.parse import urlsplit

from gateway.errors import HttpProblem, MovedTo
from gateway.http.access_log import AccessLog
from gateway.http.exchange import Exchange, Receive, Scope, Send
from gateway.http.metrics import NO_ROUTE, Metrics
from gateway.http.request_body import BodyReader, ClientDisconnected
from gateway.proxy.caching_proxy import CachingProxy
from gateway.proxy.http_proxy import ResponseTruncated
from gateway.route_types import HERE, Route
from gateway.security.admission import (
    Admission,
    check_body,
    check_encoding,
    check_framing,
    check_no_body,
    check_role,
)
from gateway.security.client_network import network
from gateway.security.cors import Cors, is_preflight
from gateway.security.rate_limit import RateLimiter

logger = logging.getLogger(__name__)

Application = Callable[[Scope, Receive, Send], Awaitable[None]]
Page = Callable[[Exchange], Awaitable[None]]
UNASKED = {403, 404, 405}  # statuses of refusals before anybody asked who it is; their pages say it
CLIENT_CLOSED_REQUEST = 499  # the status that is logged where the client went away; it is never sent


@dataclass(slots=True)
class GatewayApp:
    """Everything that a request meets on its way, put together in `gateway.composition`."""

    guard: Admission
    by_address: RateLimiter
    by_user: RateLimiter
    by_sign_in: RateLimiter
    cors: Cors
    services: CachingProxy
    pages: Mapping[str, Page]
    django: Application
    access: AccessLog
    metrics: Metrics
    gateway_url: str
    bodies: BodyReader

    async def http(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        exchange = Exchange(scope, receive, send)
        exchange.cors = self.cors.headers(exchange)
        try:
            await self._answer(exchange)
        except MovedTo as elsewhere:
            # Where there is only a form, programs get 404 instead.
            await exchange.answer(308, [(b"location", elsewhere.address), (b"vary", b"Accept")], b"")
        except HttpProblem as refusal:
            await self._recognise(exchange, refusal)
            await exchange.refuse(refusal)
        except ClientDisconnected:
            exchange.status = CLIENT_CLOSED_REQUEST
        except ResponseTruncated as error:
            logger.warning("The answer to %s %s was cut short: %s", exchange.method, exchange.path, error)
        finally:
            exchange.release_body()
            self._account(exchange)

    async def _answer(self, exchange: Exchange) -> None:
        check_framing(exchange)
        self.guard.check_host(exchange)
        if is_preflight(exchange):
            await self._answer_preflight(exchange)
            return
        exchange.route = route = self.guard.find_route(exchange)
        if route.limits.counted:
            exchange.allowance = await self.by_address.admit(network(exchange.address))
        if route.limits.sign_in:
            exchange.allowance = await self.by_sign_in.admit(network(exchange.address))
        exchange.principal = principal = await self.guard.identify(exchange)
        if principal is not None and route.limits.counted:
            exchange.allowance = await self.by_user.admit(principal.subject)
        check_role(route, principal)
        check_body(exchange, route)
        if route.to == HERE:
            await self._answer_here(exchange, route)
        else:
            await self.services.forward(exchange, route)

    async def _recognise(self, exchange: Exchange, refusal: HttpProblem) -> None:
        """Find out who is signed in, where a page says so and the request was refused before anybody asked.

        That costs as much as any request, and counts as one. Whoever has sent too many is not asked.
        """
        if exchange.is_identified or refusal.status not in UNASKED or not exchange.is_for_people:
            return
        with contextlib.suppress(HttpProblem):
            if exchange.allowance is None:
                exchange.allowance = await self.by_address.admit(network(exchange.address))
            exchange.principal = await self.guard.identify(exchange)

    async def _answer_preflight(self, exchange: Exchange) -> None:
        """204 or 403 for anyone: the question comes without a token, and says nothing of who will ask."""
        exchange.allowance = await self.by_address.admit(network(exchange.address))
        place = self.guard.find_match(exchange)
        self.cors.check_preflight(exchange)
        check_no_body(exchange)
        await exchange.begin(204, self.cors.preflight_headers(place))
        await exchange.write(b"")

    async def _answer_here(self, exchange: Exchange, route: Route) -> None:
        page = self.pages.get(route.path)
        if exchange.method == "OPTIONS":
            await exchange.begin(204, [(b"allow", self.guard.find_match(exchange).allow)])
            await exchange.write(b"")
        elif page is not None:
            await page(exchange)
        else:
            check_encoding(exchange)
            await self._ask_django(exchange, await self.bodies.read(exchange, route.limits.body))

    async def _ask_django(self, exchange: Exchange, body: bytes) -> None:
        async def send(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                await exchange.begin(message["status"], message["headers"])
            else:
                await exchange.send(message)

        read = exchange.headers.read
        headers = [*exchange.headers.kept, *((name, read[name]) for name in FOR_DJANGO if name in read)]
        public = urlsplit(self.gateway_url)
        scope = {
            **exchange.scope,
            "scheme": public.scheme,
            "headers": [*headers, (b"host", public.netloc.encode())],
            "principal": exchange.principal,
            "session_key": exchange.session_key,
        }
        await self.django(scope, _told(exchange, body), send)

    def _account(self, exchange: Exchange) -> None:
        seconds = perf_counter() - exchange.started
        route = exchange.route.path if exchange.route else NO_ROUTE
        self.metrics.add(route, exchange.method, exchange.status, seconds)
        self.access.add(exchange, exchange.method, seconds)


def _told(exchange: Exchange, body: bytes) -> Receive:
    """What Django receives: the request's body, and then no more than that the client has gone."""
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> dict[str, Any]:
        if waiting:
            return waiting.pop()
        await exchange.wait_until_gone()
        return {"type": "http.disconnect"}

    return receive


FOR_DJANGO = (b"cookie", b"content-length", b"transfer-encoding")
