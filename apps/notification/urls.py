"""Addresses of the notification service; `asgi.py` has that of the WebSocket."""

from django.contrib import admin
from django.urls import include, path
from rest_framework.routers import SimpleRouter

from apps.notification.views import NotificationViewSet
from shared.http import health
from shared.http.error_views import handler400, handler404, handler500

__all__ = ["handler400", "handler404", "handler500", "urlpatterns"]

router = SimpleRouter(use_regex_path=False)
router.register("notifications", NotificationViewSet, basename="notification")

urlpatterns = [
    path("api/", include(router.urls)),
    path("admin/notification/", admin.site.urls),
    *health.urlpatterns,
]
