"""What surrounds each request of a service: trace, request id, access line, metrics, public address, plain refusals, plain queries."""

import re
import time
import uuid
from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from prometheus_client import Counter, Histogram
from rest_framework.exceptions import MethodNotAllowed, NotAcceptable

from shared.auth.actor import acting
from shared.http.accept import takes_data
from shared.http.parsers import UNDERSTOOD
from shared.http.problems import UnsupportedEncoding, answer_of, not_valid
from shared.telemetry import access, trace

REQUEST_ID = re.compile(r"[A-Za-z0-9_.:-]{1,128}")
REQUESTS = Counter("http_requests_total", "Requests answered", ["method", "status"])
SECONDS = Histogram("http_request_seconds", "Time to answer a request", ["method"])
METHODS = {
    "GET",
    "HEAD",
    "OPTIONS",
    "POST",
    "PUT",
    "PATCH",
    "DELETE",
}  # any other would be a label of its own
QUIET = ("/health/", "/metrics")
# Where settings.SECURE_PROXY_SSL_HEADER looks, under WSGI and ASGI alike; no header of a client can have this name.
SCHEME = "microcommerce.scheme"
ACCEPTABLE = "The answer can be had as application/json, and in a browser as a page."


class RequestContextMiddleware:
    """Continues the caller's trace, names the request in every log line and counts it; nobody acts until a caller is known.

    The public address replaces the Host header here, in one place, so that every link a service writes leads
    to the gateway, whatever the request came with.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        public = urlsplit(settings.GATEWAY_URL)
        self.host, self.scheme = public.netloc, public.scheme
        self.write = access.writer(settings.SERVICE_NAME, as_json=settings.ENVIRONMENT.log_format == "json")

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer the request inside its context."""
        request.META["HTTP_HOST"] = self.host
        request.META[SCHEME] = self.scheme
        given = request.headers.get("X-Request-ID", "")
        request_id = given if REQUEST_ID.fullmatch(given) else str(uuid.uuid4())
        hop = trace.continue_from(request.headers.get(trace.HEADER))
        with trace.use(hop), acting(None), structlog.contextvars.bound_contextvars(request_id=request_id):
            started = time.perf_counter()
            response = self.get_response(request)
            response["X-Request-ID"] = request_id
            seconds = time.perf_counter() - started
            _count(request, response, seconds)
            if not request.path.startswith(QUIET):
                self.write(
                    {
                        "method": request.method or "",
                        "path": request.path,
                        "status": response.status_code,
                        "ms": round(seconds * 1000, 1),
                        "request_id": request_id,
                        "trace_id": hop.trace_id,
                    }
                )
        return response


def _count(request: HttpRequest, response: HttpResponseBase, seconds: float) -> None:
    method = request.method or ""
    label = method if method in METHODS else "other"
    REQUESTS.labels(label, response.status_code).inc()
    SECONDS.labels(label).observe(seconds)


class HttpsOnlyMiddleware:
    """Says no as HTTP wants it, in a problem document, where no view of the API does.

    - 405 of a plain Django view, with its `Allow`; OPTIONS is answered with the same.
    - 406 in place of JSON that was read and found, where the caller takes neither JSON nor a page. What went wrong is
      told in any case, and what was changed is changed.
    - 415 for a body under a `Content-Encoding` that is not understood (gzip is: see `StrictJSONParser`).
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer the request."""
        response = self.get_response(request)
        if not _is_of_the_api(request):
            is_not_allowed = response.status_code == HTTPStatus.METHOD_NOT_ALLOWED
            return _not_allowed(request, response["Allow"]) if is_not_allowed else response
        if _is_data(request, response) and not takes_data(request.headers.get("Accept", "")):
            refused = answer_of(request, NotAcceptable(ACCEPTABLE))
            refused["Vary"] = "Accept"
            return refused
        return response

    def process_view(
        self, request: HttpRequest, view: Any, arguments: list[Any], named: dict[str, Any]
    ) -> HttpResponseBase | None:
        """A problem document where the body cannot be read."""
        coding = request.headers.get("Content-Encoding", "")
        if not coding or coding.strip().lower() in UNDERSTOOD or not has_body(request):
            return None
        return answer_of(request, UnsupportedEncoding())


def has_body(request: HttpRequest) -> bool:
    """Whether the request has a body: what a WSGI server hands on has a length or comes in chunks."""
    return (
        request.headers.get("Content-Length", "") not in {"", "0"} or "Transfer-Encoding" in request.headers
    )


def _not_allowed(request: HttpRequest, methods: str) -> HttpResponseBase:
    allow = {"Allow": ", ".join(sorted({*methods.split(", "), "OPTIONS"}))}
    if request.method == "OPTIONS":
        return HttpResponse(status=HTTPStatus.NO_CONTENT, headers=allow)
    refused = answer_of(request, MethodNotAllowed(request.method or ""))
    refused["Allow"] = allow["Allow"]
    return refused


def _is_of_the_api(request: HttpRequest) -> bool:
    """Whether a view of DRF's was reached, which says no by itself; pictures and probes are plain views."""
    match = request.resolver_match
    return match is not None and hasattr(match.func, "cls")


def _is_data(request: HttpRequest, response: HttpResponseBase) -> bool:
    return (
        request.method in {"GET", "HEAD"}
        and response.status_code == HTTPStatus.OK
        and response["Content-Type"] == "application/json"
        and "format" not in request.GET
    )


class RejectDuplicateParams:
    """Refuses a query that names a parameter twice: one reader would take the first value, the next one the last.

    A view of the API says which ones may be repeated: `repeatable = ("product_id",)`.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer the request."""
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Any, arguments: list[Any], named: dict[str, Any]
    ) -> HttpResponseBase | None:
        """A problem document where a view of the API would have to choose."""
        api_view = getattr(view, "cls", None)  # admin pages have other ways with their queries
        if api_view is None:
            return None
        repeatable = getattr(api_view, "repeatable", ())
        errors = {
            name: "This stands there twice: say it once."
            for name, values in request.GET.lists()
            if len(values) > 1 and name not in repeatable
        }
        return not_valid(request, errors, "repeated") if errors else None
