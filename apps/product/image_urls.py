"""Which addresses a product's picture may have: a public https address, or one of our own pictures.

Nobody here fetches a picture, browsers do. An address that points inward would still turn every shopper's
browser, and a later thumbnailer, against somebody's private network.
"""

import re
from urllib.parse import SplitResult, urlsplit

from django.conf import settings

MAX_LENGTH = 2000
WIDTHS = (320, 800, 1600)  # of uploaded pictures, in pixels at most: none is drawn wider than it came
SHOWN = 800  # the one that a product's `image` leads to
UPLOADED = re.compile(r"/media/products/(?P<digest>[0-9a-f]{40})-(?P<width>[0-9]{3,4})\.webp")
OWN = re.compile(r"/media/[a-z0-9_-]+(/[a-z0-9_-]+)*\.(svg|png|jpe?g|webp|avif)")
# A public name has two labels at least and ends in letters (RFC 3696, section 2), so no IP address in any notation.
LABEL = r"(?!-)[a-z0-9-]{1,63}(?<!-)"
PUBLIC = re.compile(rf"({LABEL}\.)+([a-z]{{2,63}}|xn--[a-z0-9-]{{2,59}})")
VISIBLE = re.compile(r"[!#-;=?-\[\]_a-z~]+")  # RFC 3986's characters
# Special-use names (RFC 6761, 6762, 8375, ICANN's .internal), customary private ones, and names that resolve inward.
INWARD = (
    *(
        "localhost",
        "local",
        "localdomain",
        "internal",
        "intranet",
        "private",
        "corp",
        "home",
        "lan",
        "home.arpa",
    ),
    *("svc", "cluster", "test", "invalid", "onion", "alt", "arpa"),
    *("nip.io", "sslip.io", "xip.io", "localtest.me", "lvh.me", "vcap.me"),
)


def stored(address: str) -> str | None:
    """How the catalogue keeps `address`: our own without host, a public one as it is; None for any other."""
    own = address.removeprefix(settings.GATEWAY_URL)
    if OWN.fullmatch(own):
        return own
    return address if len(address) <= MAX_LENGTH and _is_public(address) else None


def absolute(address: str) -> str:
    """What the API shows for a stored address."""
    return settings.GATEWAY_URL + address if address.startswith("/") else address


def uploaded(digest: str, width: int) -> str:
    """Where an uploaded picture is served in one of its widths, as the catalogue keeps it."""
    return f"/media/products/{digest}-{width}.webp"


def in_width(address: str, width: int) -> str:
    """Where a picture is shown in this width: an uploaded one in its own file for it, any other as it is."""
    found = UPLOADED.fullmatch(address)
    return absolute(uploaded(found["digest"], width) if found else address)


def _is_public(address: str) -> bool:
    if not VISIBLE.fullmatch(address):
        return False
    try:
        parts = urlsplit(address)
        return (
            parts.scheme == "https"
            and parts.port in {None, 443}
            and "@" not in parts.netloc
            and _is_public_host(parts)
        )
    except ValueError:
        return False


def _is_public_host(parts: SplitResult) -> bool:
    host = (parts.hostname or "").removesuffix(".")
    inward = any(host == name or host.endswith(f".{name}") for name in INWARD)
    return len(host) <= 253 and PUBLIC.fullmatch(host) is not None and not inward  # noqa: PLR2004 - RFC 1035
