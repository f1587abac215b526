"""`If-Match` (RFC 9110, section 13.1.1): the version of a basket is its entity tag."""

from django.utils.http import parse_etags
from rest_framework.request import Request

NONE = "none"  # no version reads like this: it matches nothing


def etag_of(version: int) -> str:
    """The strong entity tag of a version."""
    return f'"{version}"'


def versions_to_change(request: Request) -> str:
    """The versions that the caller is willing to change, parted by spaces; "" for any.

    A basket always exists, so `*` is any. A weak tag never matches a change.
    """
    header = request.headers.get("If-Match")
    if header is None or header.strip() == "*":
        return ""
    tags = [tag.strip('"') for tag in parse_etags(header)]
    return " ".join(tag for tag in tags if tag.isdigit()) or NONE
