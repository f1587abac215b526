"""What a request's preconditions say about a basket (RFC 9110, section 13).

They are judged where the basket is locked, in a script of Redis: here they become what the script compares with.
"""

import re

from rest_framework.request import Request

from apps.basket.repository import Basket
from shared.http.preconditions import Preconditions, opaque, tags_in

TAG = re.compile(r'"(\d+-[0-9a-f]{16})"')  # as `tag_of` in basket.lua makes them
NONE = "none"  # no tag reads like this: it matches nothing
NOT = "!"


def etag_of(basket: Basket) -> str:
    """The strong entity tag of what is shown of `basket`."""
    return f'"{basket.tag}"'


def tags_to_change(request: Request) -> str:
    """The tags of baskets that the caller is willing to change, parted by spaces; "" for any, "!7-a 8-b" for all but those.

    A basket always exists: `If-Match: *` is any of them, and `If-None-Match: *` is none.
    """
    conditions = Preconditions.of(request.headers)
    wanted, unwanted = tags_in(conditions.if_match), tags_in(conditions.if_none_match)
    if unwanted is None:
        return NONE
    refused = {_inside(opaque(tag)) for tag in unwanted}
    if wanted is None or conditions.if_match is None:
        return NOT + " ".join(sorted(refused)) if refused else ""
    return " ".join(tag for tag in map(_inside, wanted) if tag not in {NONE, *refused}) or NONE


def _inside(tag: str) -> str:
    known = TAG.fullmatch(tag)
    return known[1] if known else NONE
