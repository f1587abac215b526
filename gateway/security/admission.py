"""What lets a request in, HTTP or the opening of a WebSocket: every check before anything is forwarded, in one order.

Framing, host, address and method, rate limits, origin, caller, role. Whatever is refused raises an HttpProblem.
"""

import contextlib

from django.conf import settings

from gateway.errors import (
    BadRequest,
    ContentTooLarge,
    Forbidden,
    HttpProblem,
    MalformedPath,
    MethodNotAllowed,
    MovedTo,
    NoSuchAddress,
    NotAuthenticated,
    UnknownHost,
    UnsupportedEncoding,
    UpgradeRequired,
)
from gateway.http.exchange import Exchange
from gateway.http.request_body import too_large
from gateway.route_types import SAFE, WEBSOCKET, Role, Route
from gateway.router import RouteMatch, Router
from gateway.security.authentication import Authentication
from gateway.security.client_network import network
from gateway.security.cors import Cors
from gateway.security.paths import is_plain, is_trick
from gateway.security.rate_limit import RateLimits
from shared.auth import Principal

READS = {"GET", "HEAD"}
PROBES = {b"/health/live", b"/health/ready"}  # whoever probes a pod knows its address and no name


class ForeignOrigin(Forbidden):
    """A page of another site opened the connection, and the browser added our cookie."""

    slug = "foreign-origin"
    detail = "A page of another site may not use this site's session."


class Admission:
    """Admits requests by the route table, the known `hosts`, the callers' `limits` and the realm's tokens."""

    def __init__(
        self,
        router: Router,
        hosts: frozenset[str],
        limits: RateLimits,
        authentication: Authentication,
        cors: Cors,
    ) -> None:
        self._router = router
        self._hosts = hosts
        self._limits = limits
        self._authentication = authentication
        self._cors = cors

    async def admit(self, exchange: Exchange) -> Route:
        """The row of the route table under which this request goes on; `exchange` knows its caller then."""
        check_framing(exchange)
        self._check_host(exchange)
        exchange.route = route = self._find_route(exchange)
        if route.limits.counted:
            exchange.allowance = await self._limits.address.admit(network(exchange.address))
        if route.limits.sign_in:
            exchange.allowance = await self._limits.sign_in.admit(network(exchange.address))
        if exchange.opens_websocket:
            check_origin(exchange)
        exchange.principal = principal = await self._authentication.identify(exchange)
        if principal is not None and route.limits.counted:
            exchange.allowance = await self._limits.user.admit(principal.subject)
        check_role(route, principal)
        return route

    async def admit_preflight(self, exchange: Exchange) -> RouteMatch:
        """The address that a page of another site asks about: for anyone, the question comes without a token."""
        check_framing(exchange)
        self._check_host(exchange)
        exchange.allowance = await self._limits.address.admit(network(exchange.address))
        match = self.find_match(exchange)
        self._cors.check_preflight(exchange)
        check_no_body(exchange)
        return match

    async def identify_refused(self, exchange: Exchange) -> None:
        """Find out who is signed in where the request was refused before anybody asked, for the page that says it.

        That costs as much as any request, and counts as one. Whoever has sent too many is not asked.
        """
        with contextlib.suppress(HttpProblem):
            if exchange.allowance is None:
                exchange.allowance = await self._limits.address.admit(network(exchange.address))
            exchange.principal = await self._authentication.identify(exchange)

    def find_match(self, exchange: Exchange) -> RouteMatch:
        """The address of the table that this request names."""
        path = exchange.path
        if not is_plain(path):
            raise MalformedPath if is_trick(path) else NoSuchAddress
        match = self._router.find(path)
        if match is None:
            raise self._missing(exchange)
        return match

    def _find_route(self, exchange: Exchange) -> Route:
        match = self.find_match(exchange)
        route = match.routes.get(exchange.method)
        if exchange.opens_websocket:
            if route is None:
                raise NoSuchAddress("This address does not speak WebSocket.")
            return route
        if route is None and exchange.method == "GET" and exchange.is_for_people:
            route = match.form
        if route is not None and exchange.method != WEBSOCKET:
            return route
        if not match.allow:
            raise UpgradeRequired
        raise MethodNotAllowed(headers=((b"allow", match.allow),))

    def _missing(self, exchange: Exchange) -> Exception:
        """There is nothing at the address, or there is with a slash at its end: whoever reads is led there."""
        there = exchange.path + b"/"
        near = self._router.find(there)
        if near is None:
            return NoSuchAddress()
        is_form = near.form and exchange.method == "GET" and exchange.is_for_people
        is_there = exchange.method in near.routes or is_form
        if exchange.method not in READS or not is_there:
            return NoSuchAddress(f"There is nothing at this address. Did you mean {near.path}?")
        return MovedTo(there + b"?" + exchange.query if exchange.query else there)

    def _check_host(self, exchange: Exchange) -> None:
        """Refuse a request that is meant for another host."""
        name = exchange.headers.read[b"host"].decode("latin-1").lower()
        if not name.endswith("]"):
            host, _, port = name.rpartition(":")
            name = host if host and port.isdigit() else name
        if name not in self._hosts and exchange.path not in PROBES:
            raise UnknownHost


def check_framing(exchange: Exchange) -> None:
    """Refuse what two programs could take for two different requests (RFC 9112, sections 3.2, 6.1 and 11.2).

    The parser has refused two lengths, and a length beside chunks.
    """
    headers = exchange.headers
    if headers.repeated:
        raise BadRequest(f"The header {headers.repeated.decode()} stands twice.")
    if not headers.read.get(b"host"):
        raise BadRequest("The request names no host.")
    chunked = headers.read.get(b"transfer-encoding")
    if chunked is not None and (chunked.lower() != b"chunked" or exchange.scope["http_version"] == "1.0"):
        raise BadRequest("The only Transfer-Encoding that is taken is `chunked`, in HTTP/1.1.")


def check_body(exchange: Exchange, route: Route) -> None:
    """Refuse a body where none belongs, and one that is announced with more bytes than its route takes."""
    check_no_body(exchange)
    if exchange.content_length > route.limits.body:
        raise too_large(route.limits.body)


def check_no_body(exchange: Exchange) -> None:
    """Refuse a body with a method that takes none, on any route."""
    if exchange.has_body and exchange.method in SAFE:
        raise ContentTooLarge(f"{exchange.method} takes no body here: put what you ask for into the address.")


def check_encoding(exchange: Exchange) -> None:
    """Refuse a compressed body where the gateway itself would have to read it; services judge for themselves."""
    codings = {
        value.strip().lower() for name, value in exchange.headers.forwarded if name == b"content-encoding"
    }
    if exchange.has_body and codings - {b"identity", b""}:
        raise UnsupportedEncoding


def check_origin(exchange: Exchange) -> None:
    """Refuse a WebSocket that a page of another site opens with our cookie; other requests prove it by `signin.csrf`."""
    read = exchange.headers.read
    origin = read.get(b"origin")
    if origin and b"cookie" in read and origin.decode("latin-1") != settings.GATEWAY_URL:
        raise ForeignOrigin


def check_role(route: Route, principal: Principal | None) -> None:
    """Refuse a caller whom the route is not for."""
    if route.who.admits(principal):
        return
    if principal is None:
        raise NotAuthenticated
    raise Forbidden(f"This needs the role {Role(route.who).value}.")
