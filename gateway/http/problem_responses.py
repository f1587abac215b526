"""What the gateway itself refuses: problem documents (RFC 9457) for programs, the same as a page for people."""

import json
from typing import Any

from django.conf import settings
from django.template.loader import render_to_string

from gateway.errors import HttpProblem
from gateway.http.request_response import STATUS_LINES
from gateway.security.header_filter import Header
from gateway.security.security_headers import SECURITY_HEADERS
from shared.http.problem_document import CONTENT_TYPE, problem_document
from shared.telemetry import trace

PAGE_TYPE = "text/html; charset=utf-8"


def document(problem: HttpProblem, path: bytes, hop: trace.TraceParent) -> bytes:
    """The problem document of `problem` for the request at `path`."""
    return json.dumps(_problem(problem, path, hop)).encode()


def page(problem: HttpProblem, account: dict[str, Any], path: bytes, hop: trace.TraceParent) -> bytes:
    """The same for somebody with a browser; who has to sign in first is led there and back."""
    context = {"problem": _problem(problem, path, hop), **account}
    return render_to_string("gateway/problem.html", context).encode()


def _problem(problem: HttpProblem, path: bytes, hop: trace.TraceParent) -> dict[str, Any]:
    instance = path.decode("ascii", "backslashreplace")
    with trace.use(hop):
        return problem_document(
            settings.GATEWAY_URL, problem.slug, problem.status, problem.detail, instance, problem.heading
        )


def headers(problem: HttpProblem, body: bytes, content_type: str = CONTENT_TYPE) -> list[Header]:
    """The response headers of a problem document, or of its page."""
    return [
        *problem.headers,
        (b"content-type", content_type.encode()),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
        (b"vary", b"Accept"),
    ]


def raw(problem: HttpProblem) -> bytes:
    """The whole answer, for what was never a request."""
    body = document(problem, b"", trace.start())
    lines = [b"%b: %b\r\n" % header for header in (*headers(problem, body), *SECURITY_HEADERS)]
    return b"".join([STATUS_LINES[problem.status], *lines, b"connection: close\r\n\r\n", body])
