"""Settings of the order service: only what differs from the other services."""

from pydantic import Field

from apps.order.service import SERVICE
from shared.settings import Environment, service_settings


class OrderEnvironment(Environment):
    """The environment of a process of the order service: the shared one, and where baskets are."""

    basket_url: str = Field(default="", description="where the order service reads baskets")


environment = OrderEnvironment.of(SERVICE)
globals().update(
    service_settings(
        SERVICE,
        also=["django.contrib.postgres"],  # for the operator classes of indexes
        environment=environment,
        admin=True,
        enums={"OrderStatus": "apps.order.models.Status"},
    )
)

BASKET_URL = environment.basket_url.rstrip("/")
