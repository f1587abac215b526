"""The gateway's HTTP application: each request is admitted, then answered here or forwarded to its service."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from time import perf_counter

from gateway.errors import HttpProblem, MovedTo
from gateway.http.access_log import AccessLog
from gateway.http.exchange import CLIENT_CLOSED_REQUEST, Exchange, Receive, Scope, Send
from gateway.http.metrics import NO_ROUTE, Metrics
from gateway.http.request_body import ClientDisconnected
from gateway.pages.django_pages import DjangoPages
from gateway.proxy.http_proxy import ResponseTruncated
from gateway.route_types import HERE, Route
from gateway.security.admission import Admission, check_body
from gateway.security.cors import Cors, is_preflight

logger = logging.getLogger(__name__)

Page = Callable[[Exchange], Awaitable[None]]
Forward = Callable[[Exchange, Route], Awaitable[None]]
BEFORE_IDENTITY = {403, 404, 405}  # statuses of refusals before anybody asked who it is; their pages say it


@dataclass(slots=True)
class GatewayApp:
    """Everything that a request meets on its way, put together in `gateway.composition`.

    `services` forwards to each service; `pages` answers addresses here by their path, `django` all others that are here.
    """

    admission: Admission
    cors: Cors
    services: Mapping[str, Forward]
    pages: Mapping[str, Page]
    django: DjangoPages
    access: AccessLog
    metrics: Metrics

    async def http(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        exchange = Exchange(scope, receive, send)
        exchange.cors = self.cors.headers(exchange)
        try:
            await self._respond(exchange)
        except MovedTo as moved:
            # Where there is only a form, programs get 404 instead.
            await exchange.answer(308, [(b"location", moved.address), (b"vary", b"Accept")], b"")
        except HttpProblem as problem:
            if self._names_the_caller(exchange, problem):
                await self.admission.identify_refused(exchange)
            await exchange.send_problem(problem)
        except ClientDisconnected:
            exchange.status = CLIENT_CLOSED_REQUEST
        except ResponseTruncated as error:
            logger.warning("The answer to %s %s was cut short: %s", exchange.method, exchange.path, error)
        finally:
            exchange.release_body()
            self._account(exchange)

    async def _respond(self, exchange: Exchange) -> None:
        if is_preflight(exchange):
            match = await self.admission.admit_preflight(exchange)
            await _no_content(exchange, self.cors.preflight_headers(match))
            return
        route = await self.admission.admit(exchange)
        check_body(exchange, route)
        if route.to == HERE:
            await self._respond_here(exchange, route)
        else:
            await self.services[route.to](exchange, route)

    async def _respond_here(self, exchange: Exchange, route: Route) -> None:
        page = self.pages.get(route.path)
        if exchange.method == "OPTIONS":
            await _no_content(exchange, [(b"allow", self.admission.find_match(exchange).allow)])
        elif page is not None:
            await page(exchange)
        else:
            await self.django.respond(exchange, route)

    @staticmethod
    def _names_the_caller(exchange: Exchange, problem: HttpProblem) -> bool:
        """Whether the problem is shown as a page that says who is signed in, and nobody has asked yet."""
        return not exchange.is_identified and problem.status in BEFORE_IDENTITY and exchange.is_for_people

    def _account(self, exchange: Exchange) -> None:
        seconds = perf_counter() - exchange.started
        route = exchange.route.path if exchange.route else NO_ROUTE
        self.metrics.add(route, exchange.method, exchange.status, seconds)
        self.access.add(exchange, exchange.method, seconds)


async def _no_content(exchange: Exchange, headers: list[tuple[bytes, bytes]]) -> None:
    await exchange.begin(204, headers)
    await exchange.write(b"")
