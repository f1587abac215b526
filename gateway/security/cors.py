"""Which pages of other sites may call this API with a script (the Fetch standard's CORS protocol).

None, unless `MICROCOMMERCE_CORS_ORIGINS` names them: the API's own pages are on its own address. A page that is named
sends an access token as any client does. Cookies are never taken from it (no `Access-Control-Allow-Credentials`).
"""

from gateway.errors import Forbidden
from gateway.http.exchange import Exchange
from gateway.router import RouteMatch
from gateway.security.header_filter import Header

VARY = (b"vary", b"Origin")
# What scripts may send besides what every page may, and what they may read.
REQUEST_HEADERS = (
    b"Authorization, Content-Type, Content-Encoding, Idempotency-Key, If-Match, If-None-Match, Prefer, Traceparent, "
    b"Tracestate, X-Request-ID"
)
RESPONSE_HEADERS = (
    b"Allow, ETag, Location, RateLimit, RateLimit-Policy, Retry-After, WWW-Authenticate, X-Request-ID"
)
PREFLIGHT_SECONDS = b"600"


class CorsRefused(Forbidden):
    """A page of another site asked whether its script may send a request, and may not."""

    slug = "foreign-origin"
    detail = "Pages of this site may not call this API with a script."


class Cors:
    """Answers pages of the named `origins` (`https://shop.example`); of `own` without being asked."""

    def __init__(self, origins: frozenset[str], own: str) -> None:
        self._origins = frozenset(origin.encode() for origin in origins)
        self._own = own.encode()

    def headers(self, exchange: Exchange) -> list[Header]:
        """What goes with every answer to this request, an error too."""
        if not self._origins:
            return []
        origin = exchange.headers.read.get(b"origin", b"")
        if origin not in self._origins:
            return [VARY]
        return [
            VARY,
            (b"access-control-allow-origin", origin),
            (b"access-control-expose-headers", RESPONSE_HEADERS),
        ]

    def check_preflight(self, exchange: Exchange) -> None:
        """Refuse the question of a page that is not named. Raises CorsRefused."""
        origin = exchange.headers.read.get(b"origin", b"")
        if origin not in self._origins and origin != self._own:
            raise CorsRefused

    @staticmethod
    def preflight_headers(match: RouteMatch) -> list[Header]:
        """The answer to the question of a page that is named."""
        return [
            (b"access-control-allow-methods", match.allow),
            (b"access-control-allow-headers", REQUEST_HEADERS),
            (b"access-control-max-age", PREFLIGHT_SECONDS),
        ]


def is_preflight(exchange: Exchange) -> bool:
    """Whether a browser asks for a page of another site whether its script may send a request."""
    return (
        exchange.method == "OPTIONS"
        and b"origin" in exchange.headers.read
        and any(name == b"access-control-request-method" for name, _ in exchange.headers.forwarded)
    )
