"""The front door: an ASGI application that decides by the route table and answers, forwards or refuses."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any
from urllib.parse import urlsplit

from gateway.access import AccessLog
from gateway.body import Body, ClientGone, too_large
from gateway.errors import Refusal
from gateway.exchange import Exchange, Receive, Scope, Send
from gateway.guard import Guard, judge_framing, judge_role
from gateway.limits import Limiter
from gateway.metrics import NO_ROUTE, Metrics
from gateway.proxy import AnswerCutShort
from gateway.sharing import Sharing
from gateway.table import HERE

logger = logging.getLogger(__name__)

Application = Callable[[Scope, Receive, Send], Awaitable[None]]
Page = Callable[[Exchange], Awaitable[None]]
NOBODY_LEFT = 499  # the status that is logged where the client went away; it is never sent


@dataclass(slots=True)
class FrontDoor:
    """Everything that a request meets on its way, put together in `gateway.building`."""

    guard: Guard
    by_address: Limiter
    by_user: Limiter
    services: Sharing
    pages: Mapping[str, Page]
    django: Application
    access: AccessLog
    metrics: Metrics
    gateway_url: str
    body_seconds: float

    async def http(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        exchange = Exchange(scope, receive, send)
        try:
            await self._answer(exchange)
        except Refusal as refusal:
            await exchange.refuse(refusal)
        except ClientGone:
            exchange.status = NOBODY_LEFT
        except AnswerCutShort as error:
            logger.warning("The answer to %s %s was cut short: %s", exchange.method, exchange.path, error)
        finally:
            self._account(exchange)

    async def _answer(self, exchange: Exchange) -> None:
        judge_framing(exchange)
        self.guard.judge_host(exchange)
        exchange.route = route = self.guard.find_route(exchange)
        if route.limits.counted:
            exchange.allowance = await self.by_address.admit(exchange.address)
        exchange.principal = principal = await self.guard.identify(exchange)
        if principal is not None and route.limits.counted:
            exchange.allowance = await self.by_user.admit(principal.subject)
        judge_role(route, principal)
        if route.to == HERE:
            await self._answer_here(exchange, route.path)
        else:
            await self.services.forward(exchange, route)

    async def _answer_here(self, exchange: Exchange, path: str) -> None:
        page = self.pages.get(path)
        if exchange.method == "OPTIONS":
            await exchange.begin(204, [(b"allow", self.guard.find_place(exchange).allow)])
            await exchange.write(b"")
        elif page is not None:
            await page(exchange)
        else:
            await self._ask_django(exchange)

    async def _ask_django(self, exchange: Exchange) -> None:
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
        }
        await self.django(scope, self._limited(exchange), send)

    def _limited(self, exchange: Exchange) -> Receive:
        """The request's body for Django, which by itself would read whatever comes for as long as it comes."""
        limit = exchange.route.limits.body if exchange.route else 0
        if exchange.content_length > limit:
            raise too_large(limit)
        body = exchange.body = Body(exchange.receive, limit, self.body_seconds)

        async def receive() -> dict[str, Any]:
            if body.has_more:
                piece = await body.piece()
                return {"type": "http.request", "body": piece, "more_body": body.has_more}
            message: dict[str, Any] = await exchange.receive()
            return message

        return receive

    def _account(self, exchange: Exchange) -> None:
        seconds = perf_counter() - exchange.started
        route = exchange.route.path if exchange.route else NO_ROUTE
        self.metrics.add(route, exchange.method, exchange.status, seconds)
        self.access.add(exchange, exchange.method, seconds)


FOR_DJANGO = (b"cookie", b"content-length", b"transfer-encoding")
