"""Which paths may be looked up at all.

Source of the rule: RFC 3986, section 3.3, minus everything that two programs have ever read differently.
Only unreserved characters pass, no piece is empty and none begins with a dot, and nothing is ever decoded:
the path that was judged is, byte for byte, the path that a service gets.
"""

import re
from urllib.parse import unquote_to_bytes

MAX_LENGTH = 2048
_PLAIN = re.compile(rb"(?:/[A-Za-z0-9_-][A-Za-z0-9._~-]*)*/?")
_TRICK = re.compile(rb"[^\x20-\x7e]|[\\;%]|//|/\.")
_ENCODED = re.compile(rb"%[0-9A-Fa-f]{2}")
_NEEDLESSLY_ENCODED = re.compile(rb"[A-Za-z0-9._~/\\;%\x00-\x1f\x7f-]")


def is_plain(path: bytes) -> bool:
    """Whether `path` reads the same to everyone."""
    return len(path) <= MAX_LENGTH and _PLAIN.fullmatch(path) is not None


def is_trick(path: bytes) -> bool:
    """Whether a path that is not plain could be taken for another one, and is not merely unknown.

    Encoded letters, dots and slashes, doubled encodings, parameters after `;`, backslashes, empty and dot
    pieces and control characters are tricks; `/api/products/caf%C3%A9/` is only a product that nobody has.
    """
    if len(path) > MAX_LENGTH or not path.startswith(b"/"):
        return True
    for encoded in _ENCODED.findall(path):
        if _NEEDLESSLY_ENCODED.match(unquote_to_bytes(encoded)):
            return True
    return _TRICK.search(_ENCODED.sub(b"_", path)) is not None
