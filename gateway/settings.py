"""What differs here from every other service: no SQL database, limits, browser sessions, sign-in."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import django.contrib.admin
from pydantic import Field, ValidationInfo, field_validator

from gateway.service import SERVICE
from shared.declaration import Service, declared
from shared.settings import Environment, service_settings
from shared.settings.environment import DEVELOPMENT_SECRET, PREFIX

# Limits that are parts of another one. A WebSocket is a connection, too.
PARTS = {
    "max_connections_per_address": "max_connections",
    "max_sockets": "max_connections",
    "max_sockets_per_address": "max_sockets",
}

ORIGIN = re.compile(r"https?://[a-z0-9.\[\]:-]+")  # as browsers write it (RFC 6454, section 6.2)


class GatewayEnvironment(Environment):
    """The environment of a gateway process: the shared one, and what only the gateway has."""

    upstreams: dict[str, str] = Field(default={}, description="where each service answers, as JSON")
    oidc_client_secret: str = Field(default="", description="the secret of Keycloak's client `gateway`")
    allowed_hosts: list[str] = Field(default=[], description="host names besides that of GATEWAY_URL")
    cors_origins: list[str] = Field(
        default=[],
        description="pages of other sites that may call the API with a script, as https://shop.example",
    )
    trusted_proxies: int = Field(
        default=0, ge=0, le=8, description="proxies in front that add to X-Forwarded-For"
    )
    rate_limit: int = Field(default=2000, ge=1, description="requests of one user, or from one address …")
    rate_seconds: int = Field(default=10, ge=1, le=3600, description="… in so many seconds")
    sign_in_limit: int = Field(default=120, ge=1, description="requests of sign-in from one address …")
    sign_in_seconds: int = Field(default=60, ge=1, le=3600, description="… in so many seconds")
    sessions_per_user: int = Field(
        default=20, ge=1, description="signed-in browsers of one user; one more ends the oldest"
    )
    rate_wait_seconds: float = Field(
        default=0.25,
        gt=0,
        description="so long a request waits for Redis to count it; then it is counted here",
    )
    shared_seconds: float = Field(
        default=3.0,
        ge=0,
        le=60,
        description="how long catalogue reads of all but managers are shared; 0: never",
    )
    head_seconds: float = Field(default=10.0, gt=0, description="time for a client to send a request's head")
    body_seconds: float = Field(default=30.0, gt=0, description="time for a client to send a request's body")
    write_seconds: float = Field(
        default=30.0, gt=0, description="time for a client to take at least 16 kB of what was written to it"
    )
    max_connections: int = Field(
        default=4096, ge=16, description="client connections of one process, WebSockets among them …"
    )
    max_connections_per_address: int = Field(
        default=1024, ge=1, description="… and those from one address; not counted behind trusted proxies"
    )
    max_sockets: int = Field(default=2048, ge=1, description="WebSockets of one process …")
    max_sockets_per_address: int = Field(default=512, ge=1, description="… and those from one address")
    body_budget: int = Field(
        default=64 * 1024 * 1024,
        ge=1024 * 1024,
        description="bytes of request bodies that one process holds at once; what is beyond is refused with 503",
    )

    @classmethod
    def development_defaults(cls, service: Service) -> dict[str, Any]:
        """As every process; and everybody who has an API is where they say."""
        upstreams = {each.name: f"http://127.0.0.1:{each.port}" for each in declared() if "api" in each.roles}
        own: dict[str, Any] = {"upstreams": upstreams, "oidc_client_secret": DEVELOPMENT_SECRET}
        return super().development_defaults(service) | own

    def unfit_for_production(self) -> Iterator[str]:
        """What may be so on a developer's machine and nowhere else."""
        yield from super().unfit_for_production()
        if self.is_production and self.oidc_client_secret == DEVELOPMENT_SECRET:
            yield f"{PREFIX}OIDC_CLIENT_SECRET: is the development secret; set your own"

    @field_validator(*PARTS)
    @classmethod
    def _a_part_is_no_more_than_the_whole(cls, value: int, info: ValidationInfo) -> int:
        whole = PARTS[info.field_name or ""]
        if value > info.data.get(whole, value):
            raise ValueError(f"is more than {PREFIX}{whole.upper()}")
        return value

    @field_validator("cors_origins")
    @classmethod
    def _are_origins(cls, value: list[str]) -> list[str]:
        for origin in value:
            if not ORIGIN.fullmatch(origin):
                raise ValueError(f"{origin!r} is no origin: write https://host or https://host:port")
        return value


env = GatewayEnvironment.of(SERVICE)
globals().update(service_settings(SERVICE, environment=env))
is_https = env.gateway_url.startswith("https://")

# mozilla-django-oidc imports Django's users, which have no table here: who someone is stands in their token.
# shared.http is here for the style sheet and script of the API's pages, which services write and this serves.
INSTALLED_APPS = [
    "gateway",
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.staticfiles",
    "shared.http",
    "shared.admin",
    "drf_spectacular_sidecar",  # Swagger UI, for the page of the API's description
]
# The gateway has done what the services' middleware does: trace, request id, access line, metrics, host.
MIDDLEWARE = [
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
]
STATICFILES_DIRS = [
    Path(django.contrib.admin.__file__).parent / "static"
]  # services have the admin, this its files
WHITENOISE_USE_FINDERS = True  # straight from the packages: nothing is collected, nothing can be out of date
WHITENOISE_MAX_AGE = 3600

# Django's session is only what a sign-in under way needs, and lies in the browser (ADR 0011): nothing is stored for
# whoever asks for the sign-in page. Who has signed in has another cookie (`gateway.signin.tokens.cookie_name`). Both
# have names of our own: all programs on localhost share their cookies.
SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
SESSION_COOKIE_NAME = "__Host-microcommerce-sign-in" if is_https else "microcommerce-sign-in"
SESSION_COOKIE_SECURE = is_https
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"  # the way back from Keycloak is a link from another site
SESSION_COOKIE_AGE = 10 * 60  # so long somebody may take to sign in

AUTHENTICATION_BACKENDS = ["gateway.signin.backend.RealmBackend"]
_realm = f"{env.keycloak_url.rstrip('/')}{urlsplit(env.issuer).path}/protocol/openid-connect"
OIDC_RP_CLIENT_ID = "gateway"
OIDC_RP_CLIENT_SECRET = env.oidc_client_secret
OIDC_RP_SIGN_ALGO = "RS256"
OIDC_RP_SCOPES = "openid profile"
OIDC_OP_AUTHORIZATION_ENDPOINT = f"{env.issuer}/protocol/openid-connect/auth"  # a browser goes there
OIDC_OP_TOKEN_ENDPOINT = f"{_realm}/token"
OIDC_OP_JWKS_ENDPOINT = f"{_realm}/certs"
OIDC_OP_USER_ENDPOINT = f"{_realm}/userinfo"
OIDC_USE_PKCE = True
OIDC_PKCE_CODE_CHALLENGE_METHOD = "S256"
OIDC_TIMEOUT = 4  # seconds; whoever comes back from Keycloak with a code is answered within five
LOGIN_REDIRECT_URL = "/"
# The hot path does for every answer what Django has middleware for: headers (security/security_headers.py), CSRF (signin/csrf.py),
# no plain HTTP in production (the address must be https).
SILENCED_SYSTEM_CHECKS = ["security.W001", "security.W002", "security.W003", "security.W008"]
