"""Settings of the order service: only what differs from the other services."""

from shared.settings import service_settings

globals().update(service_settings("order", apps=["apps.order"]))

BASKET_URL = ENVIRONMENT.basket_url.rstrip("/")  # type: ignore[name-defined]  # noqa: F821 - set by the line above
BASKET_TIMEOUT = 3.0  # seconds that checkout waits for the basket service
