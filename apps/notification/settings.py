"""Settings of the notification service: only what differs from the other services."""

from urllib.parse import urlsplit

from shared.settings import Environment, service_settings

environment = Environment.of("notification")
globals().update(
    service_settings("notification", apps=["apps.notification", "channels"], environment=environment)
)

READINESS = {"database": "shared.telemetry.readiness.database", "redis": "shared.telemetry.readiness.redis"}

# Publish and subscribe keep nothing in Redis: a Redis that is emptied loses no membership. They also know no
# database numbers, so the number becomes part of the name.
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {
            "hosts": [
                {"address": environment.redis_url, "socket_connect_timeout": 2, "health_check_interval": 10}
            ],
            "prefix": f"notification{urlsplit(environment.redis_url).path}",
        },
    }
}
