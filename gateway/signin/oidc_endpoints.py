"""Where the realm's addresses are: those that a browser follows, and those that the gateway itself asks."""

from urllib.parse import urlencode, urlsplit

from django.conf import settings

CLIENT = "gateway"
PROTOCOL = "protocol/openid-connect"


def for_browsers(what: str) -> str:
    """The address of `what` (auth, logout) under the issuer, which browsers can reach."""
    return f"{settings.ENVIRONMENT.issuer}/{PROTOCOL}/{what}"


def path(what: str) -> str:
    """The path of `what` (token, certs) on the host where the gateway reaches Keycloak."""
    return f"{urlsplit(settings.ENVIRONMENT.issuer).path}/{PROTOCOL}/{what}"


def end_of_session(id_token: str) -> str:
    """Where a browser ends its session with Keycloak and is sent back (OpenID Connect RP-Initiated Logout 1.0)."""
    query = {
        "client_id": CLIENT,
        "id_token_hint": id_token,
        "post_logout_redirect_uri": f"{settings.GATEWAY_URL}/",
    }
    return f"{for_browsers('logout')}?{urlencode(query)}"
