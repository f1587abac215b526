"""What a request's preconditions say about a basket whose version is its entity tag (RFC 9110, section 13).

They are judged where the basket is locked, in a script of Redis: here they become what the script compares with.
"""

from rest_framework.request import Request

from shared.http.preconditions import Preconditions, opaque, tags_in

NONE = "none"  # no version reads like this: it matches nothing
NOT = "!"


def etag_of(version: int) -> str:
    """The strong entity tag of a version."""
    return f'"{version}"'


def versions_to_change(request: Request) -> str:
    """The versions that the caller is willing to change, parted by spaces; "" for any, "!7 8" for all but those.

    A basket always exists: `If-Match: *` is any of them, and `If-None-Match: *` is none.
    """
    conditions = Preconditions.of(request.headers)
    wanted, unwanted = tags_in(conditions.if_match), tags_in(conditions.if_none_match)
    if unwanted is None:
        return NONE
    refused = {_version(opaque(tag)) for tag in unwanted}
    if wanted is None or conditions.if_match is None:
        return NOT + " ".join(sorted(refused)) if refused else ""
    return " ".join(version for version in map(_version, wanted) if version not in {NONE, *refused}) or NONE


def _version(tag: str) -> str:
    version = tag.strip('"')
    return version if version.isdigit() else NONE
