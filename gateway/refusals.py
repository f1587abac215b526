"""Problem documents (RFC 9457) for what the gateway itself refuses."""

import json

from django.conf import settings

from gateway.cycle import STATUS_LINES
from gateway.errors import Refusal
from gateway.headers import Header
from gateway.protection import PROTECTION
from shared.http.documents import CONTENT_TYPE, problem_document
from shared.telemetry import trace


def document(refusal: Refusal, path: bytes, hop: trace.TraceParent) -> bytes:
    """The problem document of `refusal` for the request at `path`."""
    instance = path.decode("ascii", "backslashreplace")
    with trace.use(hop):
        problem = problem_document(
            settings.GATEWAY_URL, refusal.slug, refusal.status, refusal.detail, instance, refusal.heading
        )
    return json.dumps(problem).encode()


def headers(refusal: Refusal, body: bytes) -> list[Header]:
    """The headers that go with it."""
    return [
        *refusal.headers,
        (b"content-type", CONTENT_TYPE.encode()),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
    ]


def raw(refusal: Refusal) -> bytes:
    """The whole answer, for what was never a request."""
    body = document(refusal, b"", trace.start())
    lines = [b"%b: %b\r\n" % header for header in (*headers(refusal, body), *PROTECTION)]
    return b"".join([STATUS_LINES[refusal.status], *lines, b"connection: close\r\n\r\n", body])
