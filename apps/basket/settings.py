"""Settings of the basket service: only what differs from the other services."""

from shared.settings import service_settings

globals().update(service_settings("basket", apps=["apps.basket"], admin=True))

MESSAGING_INBOX = "apps.basket.inbox.RedisInbox"
READINESS = {"redis": "shared.telemetry.readiness.redis"}
