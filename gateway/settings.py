"""What differs here from every other service: no SQL database, limits, sessions."""

from pydantic import Field

from shared.settings import Environment, service_settings


class GatewayEnvironment(Environment):
    """The environment of a gateway process: the shared one, and what only the front door has."""

    allowed_hosts: list[str] = Field(default=[], description="host names besides that of GATEWAY_URL")
    trusted_proxies: int = Field(
        default=0, ge=0, le=8, description="proxies in front that write X-Forwarded-For"
    )
    rate_limit: int = Field(default=2000, ge=1, description="requests of one user, or from one address …")
    rate_seconds: int = Field(default=10, ge=1, le=3600, description="… in so many seconds")
    head_seconds: float = Field(default=10.0, gt=0, description="time for a client to send a request's head")
    body_seconds: float = Field(default=30.0, gt=0, description="time for a client to send a request's body")


globals().update(service_settings("gateway", apps=["gateway"], environment=GatewayEnvironment.of("gateway")))

INSTALLED_APPS = ["gateway", "django.contrib.staticfiles"]
# The front door has done what the services' middleware does: trace, request id, access line, metrics, host.
MIDDLEWARE = ["django.middleware.security.SecurityMiddleware"]
