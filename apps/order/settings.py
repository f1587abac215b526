"""Settings of the order service: only what differs from the other services."""

from shared.settings import Environment, service_settings

environment = Environment.of("order")
globals().update(
    service_settings(
        "order",
        apps=["apps.order", "django.contrib.postgres"],  # the latter for the operator classes of indexes
        environment=environment,
        admin=True,
        enums={"OrderStatus": "apps.order.models.Status"},
    )
)

BASKET_URL = environment.basket_url.rstrip("/")
