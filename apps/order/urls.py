"""Addresses of the order service."""

from django.contrib import admin
from django.urls import include, path
from rest_framework.routers import SimpleRouter

from apps.order.views import OrderViewSet
from shared.http import health
from shared.http.error_views import handler400, handler404, handler500

__all__ = ["handler400", "handler404", "handler500", "urlpatterns"]

router = SimpleRouter(use_regex_path=False)
router.register("orders", OrderViewSet, basename="order")

urlpatterns = [
    path("api/", include(router.urls)),
    path("admin/order/", admin.site.urls),
    *health.urlpatterns,
]
