"""Every service's models in one process: for mypy's Django plugin, and for the simulation, which touches no database."""

from shared.settings import service_settings

APPS = [
    "apps.order",
    "django.contrib.postgres",
    "apps.stock",
    "apps.product",
    "apps.basket",
    "apps.notification",
    "apps.saga",
    "gateway",
    "shared.history",
]

globals().update(service_settings("order", apps=APPS))

# What single services add
BASKET_URL = ""
RESERVATION_SECONDS = 0
