"""The gateway as a Django app, and what must be right before it starts."""

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from gateway.route_types import HERE
from gateway.routes import ROUTES


class GatewayConfig(AppConfig):
    """The gateway."""

    name = "gateway"


@register()
def every_route_leads_somewhere(**_: object) -> list[CheckMessage]:
    """Each service that the route table names has an address in the environment."""
    missing = sorted({route.to for route in ROUTES} - {HERE, *settings.ENVIRONMENT.upstreams})
    return [
        Error(
            f"The route table leads to {name}, which has no address.",
            hint=f'Add "{name}": "http://host:port" to MICROCOMMERCE_UPSTREAMS.',
            id="gateway.E001",
        )
        for name in missing
    ]
