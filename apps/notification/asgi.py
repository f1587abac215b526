"""The notification service behind ASGI: HTTP by Django, WebSocket by Channels, in one process."""

import os
from typing import Any

from channels.routing import ProtocolTypeRouter, URLRouter
from django.urls import path, re_path

from apps.notification.threaded_asgi import get_threaded_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "apps.notification.settings")
http = get_threaded_application()  # sets Django up: what follows needs its settings

from apps.notification.consumers import NotificationConsumer, Nowhere  # noqa: E402

live: Any = NotificationConsumer.as_asgi()
nowhere: Any = Nowhere.as_asgi()
addresses: list[Any] = [path("ws/notifications/", live), re_path(r"", nowhere)]
websocket = URLRouter(addresses)
application = ProtocolTypeRouter({"http": http, "websocket": websocket})
