"""A realm for tests: one real RSA key pair a process, tokens as Keycloak writes them, and their verifier.

No network: the verifier reads the realm's public keys from a `data:` address, through the same code that
asks Keycloak.
"""

import base64
import json
import time
import uuid
from collections.abc import Iterable
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from django.conf import settings
from joserfc.jwk import RSAKey

from shared.auth import TokenVerifier
from shared.auth.keys import KeySource

KEY_ID = "test-realm"
LIFETIME = 300  # seconds, as Keycloak's access tokens
ALICE = "a11ce000-0000-4000-8000-000000000001"
BOB = "b0b00000-0000-4000-8000-000000000002"
MIA = "31a00000-0000-4000-8000-000000000003"
NAMES = {ALICE: "alice", BOB: "bob", MIA: "mia"}


@cache
def realm_key() -> RSAKey:
    """The private key of the test realm."""
    return RSAKey.generate_key(2048, parameters={"kid": KEY_ID, "use": "sig", "alg": "RS256"}, private=True)


def jwks_url() -> str:
    """An address that leads to the test realm's JWK Set without a network."""
    document = json.dumps({"keys": [realm_key().as_dict(private=False)]})
    return "data:application/json;base64," + base64.b64encode(document.encode()).decode()


@cache
def realm_verifier() -> TokenVerifier:
    """What `settings.TOKEN_VERIFIER` names in tests."""
    return TokenVerifier(settings.ENVIRONMENT.issuer, KeySource(jwks_url()))


def make_claims(
    subject: str = ALICE, roles: Iterable[str] = ("customer",), **overrides: Any
) -> dict[str, Any]:
    """The claims of a good access token; an override replaces a claim, None takes it away."""
    now = int(time.time())
    claims = {
        "iss": settings.ENVIRONMENT.issuer,
        "aud": "microcommerce",
        "sub": subject,
        "typ": "Bearer",
        "azp": "microcommerce-cli",
        "jti": str(uuid.uuid4()),
        "iat": now,
        "exp": now + LIFETIME,
        "preferred_username": NAMES.get(subject, subject),
        "realm_access": {"roles": list(roles)},
        **overrides,
    }
    return {name: value for name, value in claims.items() if value is not None}


def make_token(subject: str = ALICE, roles: Iterable[str] = ("customer",), **overrides: Any) -> str:
    """A signed access token with `make_claims(subject, roles, **overrides)`."""
    return sign(make_claims(subject, roles, **overrides))


def sign(claims: dict[str, Any], key: RSAKey | None = None, **header: Any) -> str:
    """`claims` signed with RS256 by the realm, or by another `key`.

    `header` replaces parts of the token's header, by whatever a test wants: no library would write some of it.
    """
    parts = ({"alg": "RS256", "typ": "JWT", "kid": KEY_ID, **header}, claims)
    text = ".".join(encoded(json.dumps(part).encode()) for part in parts)
    return f"{text}.{signature_of(text, key or realm_key())}"


def signature_of(text: str, key: RSAKey) -> str:
    """The third part of a token whose first two are `text`: RS256 with `key`."""
    private = key.private_key
    assert private is not None
    return encoded(private.sign(text.encode(), PKCS1v15(), SHA256()))


def encoded(part: bytes) -> str:
    """A part of a token: base64url without padding (RFC 7515, section 2)."""
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()
