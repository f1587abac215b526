"""Settings of the notification service: only what differs from the other services."""

from urllib.parse import urlsplit

from shared.settings import Environment, service_settings

# Under ASGI each request runs in a thread of its own: without a pool each would open a connection of its own.
POOL = 8

environment = Environment.of("notification")
environment = environment.model_copy(update={"database_pool": environment.database_pool or POOL})
globals().update(service_settings("notification", apps=["apps.notification", "channels"], environment=environment))

READINESS = {"database": "shared.telemetry.readiness.database", "redis": "shared.telemetry.readiness.redis"}

# Publish and subscribe keep nothing in Redis: a Redis that is emptied loses no membership. They also know no
# database numbers, so the number becomes part of the name.
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {
            "hosts": [{"address": environment.redis_url, "socket_connect_timeout": 2, "health_check_interval": 10}],
            "prefix": f"notification{urlsplit(environment.redis_url).path}",
        },
    }
}
