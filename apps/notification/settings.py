"""Settings of the notification service: only what differs from the other services."""

import socket
from urllib.parse import urlsplit

from apps.notification.service import SERVICE
from shared.settings import Environment, service_settings

environment = Environment.of(SERVICE)
globals().update(service_settings(SERVICE, also=["channels"], environment=environment, admin=True))

MESSAGING_OUTBOX = ""  # it sends nothing
READINESS = {"database": "shared.telemetry.readiness.database", "redis": "shared.telemetry.readiness.redis"}

# Publish and subscribe keep nothing in Redis: a Redis that is emptied loses no membership. They also know no
# database numbers, so the number becomes part of the name.
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {
            "hosts": [
                {
                    "address": environment.redis_url,
                    "socket_connect_timeout": 2,
                    # A Redis whose machine is gone hangs up on nobody: ask every 10 s, and give up after 20.
                    "health_check_interval": 10,
                    "socket_keepalive": True,
                    "socket_keepalive_options": {socket.TCP_USER_TIMEOUT: 20_000},
                }
            ],
            "prefix": f"notification{urlsplit(environment.redis_url).path}",
        },
    }
}
