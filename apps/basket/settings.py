"""Settings of the basket service: only what differs from the other services."""

from datetime import timedelta

from shared.settings import service_settings

globals().update(service_settings("basket", apps=["apps.basket"]))

MESSAGING_LEDGER = "apps.basket.inbox.RedisLedger"
READINESS = {"redis": "shared.telemetry.readiness.redis"}

BASKET_KEPT = timedelta(days=180)  # since its last change
EMPTY_CURRENCY = "EUR"  # what the total of a basket without lines is written in
