"""The one verifier of a process, made from its Django settings."""

from functools import cache

from django.conf import settings
from django.core.cache import caches
from django.utils.module_loading import import_string

from shared.auth.keys import KeySource
from shared.auth.tokens import TokenVerifier


@cache
def verifier() -> TokenVerifier:
    """The verifier that `settings.TOKEN_VERIFIER` makes; one per process, since it remembers keys and tokens."""
    made: TokenVerifier = import_string(settings.TOKEN_VERIFIER)()
    return made


def keycloak_verifier() -> TokenVerifier:
    """The verifier of the configured realm."""
    env = settings.ENVIRONMENT
    realm = env.issuer.rstrip("/").rpartition("/realms/")[2]
    url = f"{env.keycloak_url.rstrip('/')}/realms/{realm}/protocol/openid-connect/certs"
    return TokenVerifier(env.issuer, KeySource(url, caches["default"]))
