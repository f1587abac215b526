"""Settings of the stock service: only what differs from the other services."""

from apps.stock.service import SERVICE
from shared.settings import service_settings

globals().update(service_settings(SERVICE, admin=True, enums={"StockMovementKind": "apps.stock.models.Kind"}))

# Longer than a saga may take with every retry: a reservation expires only when its saga never came back.
RESERVATION_SECONDS = 15 * 60
