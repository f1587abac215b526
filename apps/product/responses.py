"""Answers with a strong entity tag, made from exactly the bytes that are sent."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response

from apps.product import operations
from apps.product.mongo_list import MongoList
from apps.product.response_cache import CACHE
from apps.product.serializers import Shown
from shared.http.preconditions import Preconditions, about, conditional, refuse_failed, strong_tag
from shared.http.renderers import JSONRenderer


def encoded(shown: Any) -> bytes:
    """The JSON bytes that the API sends for `shown`."""
    return JSONRenderer().render(shown)


@dataclass(frozen=True, slots=True)
class Counted:
    """A listing that is not counted twice while the catalogue stays as it is."""

    listing: MongoList[Any]

    def count(self) -> int:
        """The list's length, counted once while the catalogue stays as it is."""
        what = f"{self.listing.model.__name__} {self.listing.match!r}"
        return CACHE.count(what, self.listing.count)

    def __getitem__(self, part: slice) -> list[Any]:
        return self.listing[part]


def answer_read(request: Request, render: Callable[[], Shown]) -> HttpResponseBase:
    """What `render` makes, or made for the same address since the catalogue last changed; 304 where it is known."""
    if not _wants_json(request):
        return page_of(render())
    cached = CACHE.response(request.get_full_path(), lambda: encoded(render()))
    # Who keeps answers of several addresses must not show them beside each other where the catalogue changed between.
    label = {"Catalogue-Revision": cached.revision} if cached.revision else {"Cache-Control": "no-cache"}
    return conditional(request, _json(cached.body, headers=label), cached.tag)


def answer_write(
    request: Request, shown: Shown, status: int = 200, headers: dict[str, str] | None = None
) -> HttpResponseBase:
    """`shown` with the tag that the next `If-Match` names."""
    if not _wants_json(request):
        return page_of(shown, status, headers)
    body = encoded(shown)
    response = _json(body, status, headers)
    response["ETag"] = strong_tag(body)
    return response


def precondition(request: Request, show: Callable[[Any], Shown]) -> operations.Precondition:
    """What the request demands of the thing that `show` shows, read in the transaction that changes it."""
    if Preconditions.of(request.headers).are_none:
        return operations.whatever_it_is
    return lambda found: refuse_failed(request, strong_tag(encoded(show(found))))


def page_of(shown: Shown, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """`shown` for a page, whose forms name the tag that a program has read."""
    return about(Response(shown, status=status, headers=headers), strong_tag(encoded(shown)))


def _json(body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> HttpResponse:
    sized = {"Content-Length": str(len(body)), **(headers or {})}
    return HttpResponse(body, content_type="application/json", status=status, headers=sized)


def _wants_json(request: Request) -> bool:
    # The browsable API's page is another representation: it has no tag and is not kept.
    return request.accepted_renderer.format == "json"
