"""Rows of the table that are SHARED: readers who ask for the same get the same answer for a moment.

The host is no part of what they ask for: every service is told the public one. A customer is shown what anybody is
shown: the service is asked without a token, so what is kept cannot be about a person. A manager, who may see more and
must see what was changed, is always answered by the service, and so is a customer who asks for a page for people,
which names them. A change through this gateway empties what is kept before it is answered; a
change through another one does so by its event (`gateway.proxy.cache_invalidation`), and without events time does. So does the first answer
that names another `Catalogue-Revision` than the one before it: whoever has seen the new is not shown the old of
something else.
"""

import asyncio

from gateway.errors import HttpProblem, ServiceBroke, ServiceUnavailable
from gateway.http.exchange import Exchange
from gateway.http.metrics import Metrics
from gateway.proxy.http_client import Connection, ServiceError
from gateway.proxy.http_proxy import HttpProxy, with_cache_control
from gateway.proxy.response_cache import CachedResponse, Key, ResponseCache, seconds_fresh
from gateway.route_types import SAFE, Route
from gateway.security.header_filter import filter_service_headers

LONGEST_KEY = 1000  # bytes of an address and Accept: nobody asks a longer one twice
CONDITIONS = {b"if-none-match", b"if-modified-since"}
REVISION = b"catalogue-revision"
BROKEN = 500  # from here on the service tells everybody the same: that it cannot
AWAY = (503, 504)  # it waited for a store that is away
GOES_WITH_304 = {b"etag", b"vary", b"cache-control", b"age"}  # RFC 9110, section 15.4.5


class CachingProxy:
    """Forwards requests to services with SHARED rows, or answers them from a cache, in which a response is fresh for `seconds`."""

    def __init__(self, proxy: HttpProxy, seconds: float, metrics: Metrics) -> None:
        self._proxy = proxy
        self._seconds = seconds
        self._metrics = metrics
        self._pending: dict[Key, asyncio.Future[CachedResponse | None]] = {}
        self._loop = asyncio.get_running_loop()
        self.cache = ResponseCache()
        self._revision = b""

    async def forward(self, exchange: Exchange, route: Route) -> None:
        """Answer from the cache, or forward; a change empties the cache."""
        if exchange.method not in SAFE:
            await self._change(exchange, route)
        elif route.limits.shared and (key := _key(exchange)) is not None:
            await self._read(exchange, route, key)
        else:
            await self._proxy.forward(exchange, route)

    def empty(self) -> None:
        """Something changed: whoever asks from now on is told what is so now."""
        self.cache.empty()
        self._pending.clear()

    async def _change(self, exchange: Exchange, route: Route) -> None:
        try:
            answer = await self._proxy.ask(exchange, route)
        finally:  # also where it failed: whether it took effect is not known then
            self.empty()
        await self._proxy.finish(answer, exchange, route)

    async def _read(self, exchange: Exchange, route: Route, key: Key) -> None:
        cached = self.cache.find(key, self._loop.time())
        if cached is None and (pending := self._pending.get(key)) is not None:
            cached = await asyncio.shield(pending)
        if cached is not None:
            self._metrics.shared_hits += 1
            await self._respond(exchange, cached)
            return
        self._metrics.shared_misses += 1
        if exchange.method == "HEAD" or key in self._pending:
            await self._proxy.forward(exchange, route)
        else:
            await self._fetch(exchange, route, key)

    async def _fetch(self, exchange: Exchange, route: Route, key: Key) -> None:
        """Ask the service for all who want the same meanwhile."""
        pending = self._pending[key] = self._loop.create_future()
        cached, generation = None, self.cache.generation
        failure: HttpProblem | None = None
        asked = exchange.headers.forwarded
        # Others may not know what this caller knows: the whole is asked for.
        exchange.headers.forwarded = [header for header in asked if header[0] not in CONDITIONS]
        try:
            answer = await self._proxy.ask(exchange, route, for_anyone=True)
            if answer.status in AWAY:
                failure = ServiceUnavailable()
            generation = self._note_revision(answer, generation)
            seconds = seconds_fresh(answer.status, answer.headers, self._seconds)
            if seconds:
                cached = await self._read_whole(answer, route, seconds)
        except HttpProblem as error:
            failure = error
            raise
        finally:
            exchange.headers.forwarded = asked
            if self._pending.get(key) is pending:
                del self._pending[key]
            _resolve(pending, cached, failure)
        if cached is None:
            await self._respond_uncached(answer, exchange, route)
            return
        if generation == self.cache.generation:
            self.cache.put(key, cached)
        await self._respond(exchange, cached)

    def _note_revision(self, answer: Connection, generation: int) -> int:
        """Empty the cache of what shows another state than `answer`, unless that is the older one; returns the generation to go by."""
        revision = dict(answer.headers).get(REVISION, self._revision)
        if revision == self._revision or generation != self.cache.generation:
            return generation
        self._revision = revision
        self.empty()
        return self.cache.generation

    async def _read_whole(self, answer: Connection, route: Route, seconds: float) -> CachedResponse:
        pieces = []
        try:
            while piece := await answer.read(route.limits.seconds):
                pieces.append(piece)
        except ServiceError as error:
            raise ServiceBroke from error
        finally:
            self._proxy.release(answer, route)
        now = self._loop.time()
        headers = filter_service_headers(answer.headers, bodiless=False)
        return CachedResponse(headers, b"".join(pieces), dict(headers)[b"etag"], now, now + seconds)

    async def _respond_uncached(self, answer: Connection, exchange: Exchange, route: Route) -> None:
        """What anybody is told serves whoever is nobody; a customer may be told something else, unless nobody is told anything."""
        if exchange.principal is None or answer.status >= BROKEN:
            await self._proxy.finish(answer, exchange, route)
        else:
            self._proxy.release(answer, route)
            await self._proxy.forward(exchange, route)

    async def _respond(self, exchange: Exchange, cached: CachedResponse) -> None:
        headers = with_cache_control(exchange, cached.headers_now(self._loop.time()))
        if cached.is_not_modified(exchange.method, exchange.headers.preconditions):
            await exchange.begin(304, [header for header in headers if header[0] in GOES_WITH_304])
            await exchange.write(b"")
        else:
            await exchange.begin(200, headers)
            await exchange.write(cached.body)


def _resolve(
    pending: "asyncio.Future[CachedResponse | None]",
    cached: CachedResponse | None,
    failure: HttpProblem | None,
) -> None:
    """Tell those who wait: a service that was away all the time is not asked by each of them for as long again."""
    if failure is None:
        pending.set_result(cached)
        return
    pending.set_exception(failure)
    pending.exception()  # looked at: nobody may be waiting, which is no reason for a line in the log


def _key(exchange: Exchange) -> Key | None:
    """What is asked for, where the answer may be shared; None where it may not."""
    principal = exchange.principal
    if principal is not None and (principal.is_manager or exchange.is_for_people):
        return None
    accept = b""
    for name, value in exchange.headers.forwarded:
        if name == b"accept":
            accept += value
        elif name in {b"range", b"if-match"} or (
            name in {b"cache-control", b"pragma"} and b"no-" in value.lower()
        ):
            return None  # a part, one state and no other, or the newest at any price
    # The order between names says nothing; the order of one name's values may.
    pieces = sorted([piece for piece in exchange.query.split(b"&") if piece], key=_name)
    query = b"&".join(pieces)
    if exchange.method == "OPTIONS" or len(exchange.path) + len(query) + len(accept) > LONGEST_KEY:
        return None
    return exchange.path, query, accept


def _name(parameter: bytes) -> bytes:
    return parameter.partition(b"=")[0]
