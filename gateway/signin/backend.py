"""The exchange of a code for tokens, by mozilla-django-oidc, with what it leaves unchecked."""

import time
from typing import Any

from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from joserfc import jws, jwt
from joserfc.errors import JoseError
from mozilla_django_oidc.auth import OIDCAuthenticationBackend

from gateway.signin import oidc_endpoints
from gateway.signin.tokens import Tokens
from shared.auth.keys import SIGNING
from shared.auth.verifier import verifier

LEEWAY = 30  # seconds that two clocks may differ


class BadIdToken(SuspiciousOperation):
    """What Keycloak sent about the person who signed in is not good."""


class Visitor:
    """Whoever has just signed in: what Django's `authenticate` hands from the backend to the view."""

    is_active = True
    backend = ""

    def __init__(self, tokens: Tokens) -> None:
        self.tokens = tokens


class RealmBackend(OIDCAuthenticationBackend):  # type: ignore[misc]
    """Keeps no users: who someone is stands in their tokens."""

    def get_token(self, payload: dict[str, Any]) -> dict[str, Any]:
        """As the base class, and the refresh token, which it would throw away, is kept."""
        answer: dict[str, Any] = super().get_token(payload)
        self._answer = answer
        return answer

    def verify_token(self, token: str, **kwargs: Any) -> dict[str, Any]:
        """The claims of an id token (OpenID Connect Core 1.0, section 3.1.3.7); raises BadIdToken."""
        claims = signed_claims(token)
        if claims.get("nonce") != kwargs.get("nonce"):
            raise BadIdToken("The id token belongs to another sign-in.")
        return claims

    def store_tokens(self, access_token: str, id_token: str) -> None:
        """Nothing goes into Django's session: see `session_store`."""

    def get_or_create_user(self, access_token: str, id_token: str, payload: dict[str, Any]) -> Visitor:
        """The visitor with their tokens; `payload` are the claims of the id token."""
        return Visitor(Tokens.from_answer(self._answer, subject=str(payload["sub"])))


def signed_claims(token: str) -> dict[str, Any]:
    """The claims of a token that the realm made for this client; raises BadIdToken."""
    try:
        key_id = jws.extract_compact(token.encode()).headers().get("kid", "")
        keys = verifier().keys
        key = keys.find(key_id) or keys.fetch(key_id)
        if key is None:
            raise BadIdToken("The token is signed by a key that the realm does not have.")
        claims = jwt.decode(token, key, algorithms=[SIGNING[key.key_type]]).claims
    except (JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise BadIdToken("The token's signature is not good.") from error
    _check(claims)
    return claims


def _check(claims: dict[str, Any]) -> None:
    audience = claims.get("aud")
    if claims.get("iss") != settings.ENVIRONMENT.issuer:
        raise BadIdToken("The token comes from another issuer.")
    if oidc_endpoints.CLIENT not in (audience if isinstance(audience, list) else [audience]):
        raise BadIdToken("The token is meant for another client.")
    if claims.get("azp", oidc_endpoints.CLIENT) != oidc_endpoints.CLIENT:
        raise BadIdToken("The token was made for another client.")
    if not isinstance(claims.get("exp"), int | float) or claims["exp"] + LEEWAY <= time.time():
        raise BadIdToken("The token has expired.")
