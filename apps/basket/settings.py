"""Settings of the basket service: only what differs from the other services."""

from apps.basket.service import SERVICE
from shared.settings import service_settings

globals().update(service_settings(SERVICE, admin=True))

MESSAGING_INBOX = "apps.basket.inbox.RedisInbox"
READINESS = {"redis": "shared.telemetry.readiness.redis"}
