"""Every way in which the gateway refuses a request or cannot bring it through: one class each."""

from http import HTTPStatus
from typing import ClassVar

Headers = tuple[tuple[bytes, bytes], ...]

RETRY_AFTER = (b"retry-after", b"2")  # seconds: a process that was restarted is back by then


class HttpProblem(Exception):
    """A request that gets a problem document instead of an answer.

    `slug` names the kind in the document's `type`; `detail` says what is wrong and the way out; `headers` go
    with the answer. `is_final` closes the connection, where what follows on it could be misread.
    """

    status: ClassVar[int] = 400
    slug: ClassVar[str] = "bad-request"
    title: ClassVar[str] = ""
    detail: str = "The request cannot be understood."
    headers: Headers = ()
    is_final: ClassVar[bool] = False

    def __init__(self, detail: str = "", headers: Headers = ()) -> None:
        super().__init__(detail or self.detail)
        self.detail = detail or self.detail
        self.headers = (*self.headers, *headers)

    @property
    def heading(self) -> str:
        """The document's `title`."""
        return self.title or HTTPStatus(self.status).phrase


class MovedTo(Exception):
    """What is asked for stands at `address`, the same with a slash at its end."""

    def __init__(self, address: bytes) -> None:
        super().__init__(address)
        self.address = address


class BadRequest(HttpProblem):
    """The request breaks HTTP's own rules, or could be read in two ways."""

    is_final = True


class MalformedPath(HttpProblem):
    """The path is one that two programs might read differently."""

    slug = "malformed-path"
    title = "The path is not acceptable"
    detail = (
        "The path holds encoded, doubled or reserved characters. Paths here are plain: /api/docs/ lists them."
    )


class UnknownHost(HttpProblem):
    """The request is meant for another site."""

    slug = "unknown-host"
    title = "The host is not known"
    detail = "This is not the host that the request names."


class NoSuchAddress(HttpProblem):
    """No row of the route table has this path."""

    status, slug = 404, "not-found"
    detail = "There is nothing at this address. /api/docs/ lists what there is."


class MethodNotAllowed(HttpProblem):
    """The path exists, but no row lets anyone do this there."""

    status, slug = 405, "method-not-allowed"
    detail = "This cannot be done here: the Allow header says what can."


class UpgradeRequired(HttpProblem):
    """The address speaks WebSocket only, or another version of it than the client."""

    status, slug = 426, "upgrade-required"
    detail = "This address speaks WebSocket: connect to it with a WebSocket client."
    headers = (  # `Upgrade` must be named by `Connection` (RFC 9110, section 7.8)
        (b"upgrade", b"websocket"),
        (b"connection", b"Upgrade"),
        (b"sec-websocket-version", b"13"),
    )


class NotAuthenticated(HttpProblem):
    """The caller must say who they are, and did not."""

    status, slug = 401, "not-authenticated"
    detail = "This needs an access token: send it as `Authorization: Bearer <token>`."
    headers = ((b"www-authenticate", b"Bearer"),)


class BadToken(HttpProblem):
    """The caller sent a token that is not good."""

    status, slug = 401, "not-authenticated"
    title = "The access token is not good"
    headers = ((b"www-authenticate", b'Bearer error="invalid_token"'),)


class Forbidden(HttpProblem):
    """The caller is known and may not do this."""

    status, slug = 403, "forbidden"


class PreconditionFailed(HttpProblem):
    """What is there is not what the request is about (RFC 9110, section 13)."""

    status = 412
    slug = "precondition-failed"
    title = "It has changed"
    detail = "What is there is not what If-Match asks for. Read it again and repeat with its new ETag."


class SlowRequest(HttpProblem):
    """The client began a request and did not finish it in time."""

    status, slug, is_final = 408, "request-timeout", True
    detail = "The request did not arrive in time. Send it again, faster."


class ContentTooLarge(HttpProblem):
    """The body is over the route's limit."""

    status, slug, is_final = 413, "content-too-large", True


class UriTooLong(HttpProblem):
    """The request line is over the limit."""

    status, slug, is_final = 414, "uri-too-long", True
    detail = "The address is too long."


class UnsupportedEncoding(HttpProblem):
    """The body is compressed, and this address takes none that is."""

    status, slug = 415, "unsupported-media-type"
    detail = "A compressed body is not understood here: send it as it is."
    headers = ((b"accept-encoding", b"identity"),)


class TooManyRequests(HttpProblem):
    """The caller has used up their share for now."""

    status, slug = 429, "too-many-requests"


class TooManyConnections(HttpProblem):
    """The caller's address has as many connections open as one may have."""

    status, slug, is_final = 429, "too-many-connections", True
    title = "Too many connections"
    detail = "Too many connections from your address are open. Close some, and use each for several requests."
    headers = (RETRY_AFTER,)


class HeadersTooLarge(HttpProblem):
    """More headers, or larger ones, than anyone needs."""

    status, slug, is_final = 431, "headers-too-large", True
    detail = "The request has too many headers, or too large ones."


class ServiceBroke(HttpProblem):
    """The service began and did not finish, or answered something that is not HTTP."""

    status, slug = 502, "service-broke"
    detail = (
        "The service broke off while it was handling this request. Whether it took effect is not known: look before "
        "trying again, or repeat it with the same Idempotency-Key."
    )


class ServiceUnavailable(HttpProblem):
    """The service cannot be reached; the request did not get to it."""

    status, slug = 503, "service-unavailable"
    detail = (
        "The service behind this address cannot be reached right now. Nothing was changed; try again shortly."
    )
    headers = (RETRY_AFTER,)


class Overloaded(HttpProblem):
    """The gateway holds as many connections, or as much of what comes in on them, as it may."""

    status, slug, is_final = 503, "overloaded", True
    title = "Too much at once"
    detail = "More comes in here than can be held right now. Nothing was changed; try again shortly."
    headers = (RETRY_AFTER,)


class IdentityUnavailable(HttpProblem):
    """No key of the realm is known, so whether the token is good cannot be told; the caller should keep it."""

    status, slug = 503, "identity-unavailable"
    detail = "The realm's keys cannot be read right now. Keep your token, and try again shortly."
    headers = (RETRY_AFTER,)


class ServiceTimeout(HttpProblem):
    """The service took the request and did not answer in time."""

    status, slug = 504, "service-timeout"
    detail = (
        "The service did not answer in time. Whether the request took effect is not known: look before trying again, "
        "or repeat it with the same Idempotency-Key."
    )
