"""Texts for people: customers read the names of products, never their ids."""

import re
from collections.abc import Mapping

from shared.contracts.message import LONGEST_REASON

PRODUCT_ID = re.compile(r"(?<![0-9a-z])[0-9a-f]{24}(?![0-9a-z])")


def with_names(text: str, names: Mapping[str, str]) -> str:
    """`text` with each product id that `names` knows exchanged for the product's name; no longer than a reason may be.

    Whoever writes a reason may know only ids, or be of an earlier release: whoever shows it to people exchanges them.
    """
    named = PRODUCT_ID.sub(lambda found: names.get(found[0]) or found[0], text)
    return named if len(named) <= LONGEST_REASON else f"{named[: LONGEST_REASON - 1]}…"
