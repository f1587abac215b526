"""That a request with a session's cookie was meant by the person whose browser sent it (CSRF).

A browser adds the cookie to requests that other sites' pages make, too. An unsafe request therefore needs
what such a page cannot have: the session's own token in `X-CSRFToken`, which only our pages can read, or the
browser's word in `Sec-Fetch-Site` that the request comes from our own pages, which no page can forge.
"""

import hashlib
import hmac

from django.conf import settings

from gateway.errors import Forbidden
from gateway.http.exchange import Exchange
from gateway.route_types import SAFE, WEBSOCKET

UNCHECKED = {*SAFE, WEBSOCKET}  # a WebSocket has the rule of its origin (`security.admission.check_origin`)
COOKIE = "csrftoken"


class CsrfTokenMissing(Forbidden):
    """The request came with a session's cookie and nothing that a page of another site could not send."""

    slug = "csrf-proof-missing"
    title = "The request does not prove where it comes from"
    detail = "Send the value of the cookie `csrftoken` in the header `X-CSRFToken`, or use a Bearer token."


def token(session_key: str) -> str:
    """The CSRF token of one session."""
    secret: str = settings.ENVIRONMENT.secret_key
    return hmac.new(secret.encode(), f"csrf:{session_key}".encode(), hashlib.sha256).hexdigest()


def check(exchange: Exchange, session_key: str) -> None:
    """Refuse an unsafe request without a proof."""
    if exchange.method in UNCHECKED:
        return
    read = exchange.headers.read
    origin = read.get(b"origin")
    if origin is not None and origin != settings.GATEWAY_URL.encode():
        raise CsrfTokenMissing
    if read.get(b"sec-fetch-site") == b"same-origin":
        return
    if not hmac.compare_digest(read.get(b"x-csrftoken", b""), token(session_key).encode()):
        raise CsrfTokenMissing
