"""Settings for mypy's Django plugin, which wants to see every service's models in one run. Nothing runs with them."""

from shared.settings import service_settings

APPS = [
    "apps.order",
    "apps.stock",
    "apps.product",
    "apps.basket",
    "apps.notification",
    "apps.saga",
    "gateway",
]

globals().update(service_settings("order", apps=APPS))

# What single services add
BASKET_URL = ""
RESERVATION_SECONDS = 0
