"""Entity tags and the preconditions made of them (RFC 9110, sections 8.8 and 13)."""

import hashlib
from typing import TYPE_CHECKING

from django.http import HttpRequest, HttpResponse
from django.utils.http import parse_etags

from apps.product.errors import StaleVersion

if TYPE_CHECKING:
    from rest_framework.request import Request


def tag_of(body: bytes) -> str:
    """A strong tag: it changes with every byte of the answer, a category's new name included."""
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def refuse_stale(request: "Request", tag: str) -> None:
    """Raise StaleVersion unless `If-Match` allows a change of what has `tag`; without the header everything does."""
    header = request.headers.get("If-Match")
    if header is not None and not {"*", tag} & set(parse_etags(header)):
        raise StaleVersion(headers={"ETag": tag})


def conditional(request: "Request | HttpRequest", response: HttpResponse, tag: str) -> HttpResponse:
    """`response` under its `tag`, or 304 where `If-None-Match` says that the caller has it."""
    known = parse_etags(request.headers.get("If-None-Match", ""))
    if "*" in known or tag in {known_tag.removeprefix("W/") for known_tag in known}:
        response = HttpResponse(status=304)
        del response["Content-Type"]
    response["ETag"] = tag
    return response
