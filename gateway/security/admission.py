"""Who is let through: the host, the framing, the address, the method, the token, the role, in this order."""

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor

from gateway.errors import (
    BadRequest,
    BadToken,
    ContentTooLarge,
    Forbidden,
    IdentityUnavailable,
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
from gateway.proxy.upstream import SAFE
from gateway.route_types import WEBSOCKET, Role, Route
from gateway.router import RouteMatch, Router
from gateway.security.paths import is_plain, is_trick
from gateway.signin import csrf
from gateway.signin.sessions import Sessions, SessionsUnavailable
from shared.auth import InvalidToken, KeysUnavailable, Principal, TokenVerifier

logger = logging.getLogger(__name__)

BEARER = b"bearer "
READS = {"GET", "HEAD"}
PROBES = {b"/health/live", b"/health/ready"}  # whoever probes a pod knows its address and no name


def check_framing(exchange: Exchange) -> None:
    """Refuse what two programs could take for two different requests (RFC 9112, sections 3.2, 6.1 and 11.2).

    The parser has refused two lengths, and a length beside chunks.
    """
    headers = exchange.headers
    if headers.doubled:
        raise BadRequest(f"The header {headers.doubled.decode()} stands twice.")
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
    codings = {value.strip().lower() for name, value in exchange.headers.kept if name == b"content-encoding"}
    if exchange.has_body and codings - {b"identity", b""}:
        raise UnsupportedEncoding


class Admission:
    """Judges requests by the route table, the known hosts and the realm's tokens."""

    def __init__(
        self, routing: Router, hosts: frozenset[str], verifier: TokenVerifier, sessions: Sessions
    ) -> None:
        self._routing = routing
        self._hosts = hosts
        self._verifier = verifier
        self._sessions = sessions
        # One thread: whatever key ids arrive, one question to Keycloak at a time and no other work is held up.
        self._asking = ThreadPoolExecutor(1, "keys")

    def check_host(self, exchange: Exchange) -> None:
        """Refuse a request that is meant for another host."""
        name = exchange.headers.read[b"host"].decode("latin-1").lower()
        if not name.endswith("]"):
            host, _, port = name.rpartition(":")
            name = host if host and port.isdigit() else name
        if name not in self._hosts and exchange.path not in PROBES:
            raise UnknownHost

    def find_route(self, exchange: Exchange) -> Route:
        """The row of the table that this request falls under."""
        place = self.find_match(exchange)
        route = place.routes.get(exchange.method)
        if route is None and exchange.method == "GET" and exchange.is_for_people:
            route = place.form
        if route is not None and exchange.method != WEBSOCKET:
            return route
        if not place.allow:
            raise UpgradeRequired
        raise MethodNotAllowed(headers=((b"allow", place.allow),))

    def find_match(self, exchange: Exchange) -> RouteMatch:
        """The address of the table that this request names."""
        path = exchange.path
        if not is_plain(path):
            raise MalformedPath if is_trick(path) else NoSuchAddress
        place = self._routing.find(path)
        if place is None:
            raise self._missing(exchange)
        return place

    def _missing(self, exchange: Exchange) -> Exception:
        """There is nothing at the address, or there is with a slash at its end: whoever reads is led there."""
        there = exchange.path + b"/"
        near = self._routing.find(there)
        if near is None:
            return NoSuchAddress()
        is_form = near.form and exchange.method == "GET" and exchange.is_for_people
        is_there = exchange.method in near.routes or is_form
        if exchange.method not in READS or not is_there:
            return NoSuchAddress(f"There is nothing at this address. Did you mean {near.path}?")
        return MovedTo(there + b"?" + exchange.query if exchange.query else there)

    async def identify(self, exchange: Exchange) -> Principal | None:
        """The caller that the request's token or session names; None where it has neither.

        A token that was sent must be good. A session that has ended is no session, and one whose token is no longer
        good is renewed, or is none: a browser is never refused for what the gateway keeps for it.
        """
        given = exchange.headers.read.get(b"authorization")
        if given is None:
            return await self._identify_browser(exchange)
        exchange.is_identified = True  # or refused: a token that is not good is nobody's
        if not given[:7].lower() == BEARER:
            raise BadToken("Only Bearer tokens are accepted.")
        return await self.verify(given[7:].strip().decode("latin-1"))

    async def _identify_browser(self, exchange: Exchange) -> Principal | None:
        cookies = exchange.headers.read.get(b"cookie")
        key = exchange.session_key = self._sessions.key(cookies) if cookies else None
        if key is None:
            exchange.is_identified = True
            return None
        try:
            found = await self._identify_session(exchange, key)
        except (SessionsUnavailable, IdentityUnavailable):
            if exchange.route is None or exchange.route.who is not Role.ANYONE:
                raise
            csrf.judge(exchange, key)
            return None
        exchange.is_identified = True
        return found

    async def _identify_session(self, exchange: Exchange, key: str) -> Principal | None:
        access = await self._sessions.access_token(key)
        if access is None:
            return None
        csrf.judge(exchange, key)
        try:
            return await self.verify(access)
        except BadToken as error:  # the realm's keys were exchanged, or the realm itself
            logger.info("A session's access token is no longer good: %s", error)
        access = await self._sessions.replace(key, access)
        try:
            return await self.verify(access) if access else None
        except BadToken as error:
            logger.warning("A session's new access token is not good either: %s", error)
            self._sessions.distrust(key)
            return None

    async def verify(self, token: str) -> Principal:
        """The caller that `token` names; raises BadToken, and IdentityUnavailable where nothing can be said of it."""
        principal = self._verifier.recall(token)
        if principal is not None:
            return principal
        try:
            if self._verifier.needs_fetch(token):
                loop = asyncio.get_running_loop()
                return await loop.run_in_executor(self._asking, self._verifier.verify, token)
            return self._verifier.verify(token)
        except KeysUnavailable as error:
            raise IdentityUnavailable from error
        except InvalidToken as error:
            raise BadToken(str(error)) from error


def check_role(route: Route, principal: Principal | None) -> None:
    """Refuse a caller whom the route is not for."""
    if route.who.admits(principal):
        return
    if principal is None:
        raise NotAuthenticated
    raise Forbidden(f"This needs the role {Role(route.who).value}.")
