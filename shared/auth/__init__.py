"""Who is calling: Keycloak's access tokens, verified again by every service."""

from shared.auth.principal import Principal
from shared.auth.tokens import InvalidToken, KeysUnavailable, TokenVerifier

__all__ = ["InvalidToken", "KeysUnavailable", "Principal", "TokenVerifier"]
