"""The headers that go with every answer, whoever wrote it: what a browser may do with it.

Sources: OWASP Secure Headers Project; Content Security Policy Level 3; RFC 6797 (HSTS).
"""

from urllib.parse import urlsplit

from django.conf import settings

Header = tuple[bytes, bytes]

HSTS_SECONDS = 365 * 24 * 3600


def _policy(issuer: str) -> bytes:
    realm = urlsplit(issuer)
    return (
        "default-src 'self'; img-src 'self' https: data:; style-src 'self' 'unsafe-inline'; object-src 'none'; "
        # A form that signs out is sent on to Keycloak, and Chromium counts that as the form's target.
        f"base-uri 'self'; frame-ancestors 'none'; form-action 'self' {realm.scheme}://{realm.netloc}"
    ).encode()


def protection() -> list[Header]:
    """The headers, for the configured realm and public address."""
    headers = [
        (b"content-security-policy", _policy(settings.ENVIRONMENT.issuer)),
        (b"x-content-type-options", b"nosniff"),
        (b"x-frame-options", b"DENY"),
        (b"referrer-policy", b"same-origin"),
        (b"cross-origin-opener-policy", b"same-origin"),
    ]
    if settings.GATEWAY_URL.startswith("https://"):
        headers.append((b"strict-transport-security", b"max-age=%d" % HSTS_SECONDS))
    return headers


SECURITY_HEADERS = protection()
