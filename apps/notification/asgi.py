"""The notification service behind ASGI: HTTP by Django, WebSocket by Channels, in one process."""

import os

from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from django.urls import path, re_path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "apps.notification.settings")
http = get_asgi_application()  # sets Django up: what follows needs its settings

from apps.notification.consumers import NotificationConsumer, Nowhere  # noqa: E402

websocket = URLRouter(
    [
        path("ws/notifications/", NotificationConsumer.as_asgi()),
        re_path(r"", Nowhere.as_asgi()),
    ]
)
application = ProtocolTypeRouter({"http": http, "websocket": websocket})
