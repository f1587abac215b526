"""Every error of an API as a problem document (RFC 9457).

A service's `errors.py` has one subclass of `Problem` per failure. What Django and DRF raise themselves is
turned into the same shape here, and a store that is away becomes 503 with `Retry-After`, never a 500.
"""

import logging
from collections.abc import Callable
from functools import cache
from typing import Any, ClassVar

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.utils.cache import patch_vary_headers
from django.utils.module_loading import import_string
from django_redis.exceptions import ConnectionInterrupted
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import OutOfMemoryError, ReadOnlyError
from redis.exceptions import TimeoutError as RedisTimeoutError
from rest_framework import exceptions
from rest_framework.response import Response

from shared.http.accept import wants_page
from shared.http.problem_document import CONTENT_TYPE, problem_document

logger = logging.getLogger(__name__)

RETRY_AFTER = 2  # seconds: a store that was restarted is back by then

# What a driver raises when its store cannot be reached, or takes no writes.
STORE_AWAY: tuple[type[Exception], ...] = (
    OperationalError,
    InterfaceError,
    RedisConnectionError,
    RedisTimeoutError,
    ConnectionInterrupted,
    ReadOnlyError,
    OutOfMemoryError,
)


class Problem(exceptions.APIException):
    """One kind of failure: subclasses set `slug`, `status_code`, `title` and `default_detail`.

    `extra` become members of the document beside the standard ones; `example` shows such members in the API's
    description.
    """

    slug: ClassVar[str] = "error"
    title: ClassVar[str] = ""
    example: ClassVar[dict[str, Any]] = {}
    status_code = 400

    def __init__(
        self, detail: str | None = None, *, headers: dict[str, str] | None = None, **extra: Any
    ) -> None:
        super().__init__(detail)
        self.extra = extra
        self.headers = headers or {}


class UnsupportedEncoding(Problem):
    """The body is compressed in a way that is not understood here."""

    slug = "unsupported-media-type"
    status_code = 415
    title = "Unsupported Media Type"
    default_detail = (
        "The body's Content-Encoding is not understood: send it as it is, or compressed with gzip."
    )


class StoreUnavailable(Problem):
    """A store that this request needs cannot be reached right now."""

    slug = "store-unavailable"
    status_code = 503
    default_detail = "A store behind this service cannot be reached. Nothing was changed as far as it answered; try again shortly."


SLUGS = {
    400: "bad-request",
    401: "not-authenticated",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    406: "not-acceptable",
    409: "conflict",
    412: "precondition-failed",
    413: "content-too-large",
    415: "unsupported-media-type",
    429: "too-many-requests",
    500: "internal-error",
    503: "store-unavailable",
}


def is_store_away(error: Exception) -> bool:
    """Whether `error` says that a store could not be reached; `settings.STORE_IS_AWAY` knows the service's own driver."""
    if isinstance(error, STORE_AWAY):
        return True
    is_away = _store_check(settings.STORE_IS_AWAY)
    return is_away is not None and is_away(error)


@cache
def _store_check(path: str | None) -> Callable[[Exception], bool] | None:
    return import_string(path) if path else None


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's EXCEPTION_HANDLER. What is nobody's expected failure is logged and re-raised as a 500."""
    # Imported late: DRF's views load the classes that its settings name, and those raise problems.
    from rest_framework.views import set_rollback

    set_rollback()
    if isinstance(error, exceptions.MethodNotAllowed):
        from shared.http.browsable.page import form_page

        try:
            if page := form_page(context["view"], context["request"]):
                return page
        except Exception as found:
            if _as_api_exception(found) is None:
                raise
            error = found
    known = _as_api_exception(error)
    if known is None:
        return None
    document = _document(known, context["request"].path)
    return Response(document, status=known.status_code, headers=_headers(known))


def _as_api_exception(error: Exception) -> exceptions.APIException | None:
    if isinstance(error, exceptions.APIException):
        return error
    if isinstance(error, Http404):
        return exceptions.NotFound()
    if isinstance(error, PermissionDenied):
        return exceptions.PermissionDenied()
    if is_store_away(error):
        logger.warning("A store is away: %s", error)
        return StoreUnavailable(headers={"Retry-After": str(RETRY_AFTER)})
    return None


def _document(error: exceptions.APIException, path: str) -> dict[str, Any]:
    slug, title, extra = SLUGS.get(error.status_code, "error"), "", {}
    detail = error.detail
    if isinstance(error, Problem):
        slug, title, extra = error.slug, error.title, error.extra
    elif isinstance(error, exceptions.ValidationError):
        slug, title = "validation-error", "The request is not valid"
        extra = {"errors": list(flatten(detail))}
        detail = "Some fields are not acceptable: see `errors`."  # type: ignore[assignment]
    elif isinstance(error, exceptions.ParseError):
        slug = "malformed-body"
    return problem_document(settings.GATEWAY_URL, slug, error.status_code, str(detail), path, title, **extra)


def _headers(error: exceptions.APIException) -> dict[str, str]:
    headers = dict(error.headers) if isinstance(error, Problem) else {}
    if isinstance(error, exceptions.UnsupportedMediaType | exceptions.NotAcceptable):
        headers["Accept"] = "application/json"  # RFC 9110, section 12.5.1
    if isinstance(error, UnsupportedEncoding):
        headers["Accept-Encoding"] = "gzip"  # RFC 9110, section 12.5.3: with no other 415
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(int(wait))
    return headers


def flatten(detail: Any, path: str = "") -> Any:
    """DRF's nested errors as `{field, code, detail}`, one for each wrong value; `items.0.quantity` is a path."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            yield from flatten(inner, path if name == "non_field_errors" else _join(path, str(name)))
    elif isinstance(detail, list):
        for index, inner in enumerate(detail):
            yield from flatten(inner, path if isinstance(inner, str) else _join(path, str(index)))
    else:
        yield {"field": path, "code": getattr(detail, "code", "invalid"), "detail": str(detail)}


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _answer(
    request: HttpRequest, document: dict[str, Any], headers: dict[str, str] | None = None
) -> HttpResponse:
    status = document["status"]
    if not wants_page(request.headers.get("Accept", "")):
        return JsonResponse(document, status=status, headers=headers, content_type=CONTENT_TYPE)
    context = {"problem": document, "title": document["title"], "here": request.get_full_path()}
    page = render_to_string("browsable/problem.html", {**context, "principal": _caller(request)})
    answer = HttpResponse(page, status=status, headers=headers)
    patch_vary_headers(answer, ["Accept"])
    return answer


def _caller(request: HttpRequest) -> Any:
    """Who is signed in, for a page that no view wrote; None where that cannot be told."""
    from shared.auth.drf import BearerAuthentication  # late: it raises problems

    try:
        found = BearerAuthentication().authenticate(request)  # type: ignore[arg-type]  # reads headers only
    except exceptions.APIException:
        return None
    return found[0] if found else None


def _plain(request: HttpRequest, status: int, slug: str, detail: str) -> HttpResponse:
    return _answer(request, problem_document(settings.GATEWAY_URL, slug, status, detail, request.path))


def answer_of(request: HttpRequest, error: exceptions.APIException) -> HttpResponse:
    """The answer to `error` of a view that is not DRF's."""
    return _answer(request, _document(error, request.path), _headers(error))


def not_valid(request: HttpRequest, errors: dict[str, str], code: str) -> HttpResponse:
    """The answer to wrong values that are found before any view is reached; `errors` has a sentence for each field."""
    detail = {name: [exceptions.ErrorDetail(text, code)] for name, text in errors.items()}
    return answer_of(request, exceptions.ValidationError(detail))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler404."""
    return _plain(
        request, 404, "not-found", "There is nothing at this address. /api/docs/ lists what there is."
    )


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler500: says nothing of the cause, which is in the log under the same trace id."""
    return _plain(
        request, 500, "internal-error", "Something broke on our side. The trace id names the log lines."
    )


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler400."""
    return _plain(request, 400, "bad-request", "The request cannot be understood.")
