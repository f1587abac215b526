"""Addresses of the saga service."""

from django.contrib import admin
from django.urls import include, path
from rest_framework.routers import SimpleRouter

from apps.saga.views import DeadLetterViewSet, SagaViewSet
from shared.http import health
from shared.http.error_views import handler400, handler404, handler500

__all__ = ["handler400", "handler404", "handler500", "urlpatterns"]

sagas = SimpleRouter(use_regex_path=False)
sagas.register("sagas", SagaViewSet, basename="saga")
letters = SimpleRouter()
letters.register("dead-letters", DeadLetterViewSet, basename="dead-letter")

urlpatterns = [
    path("api/", include([*sagas.urls, *letters.urls])),
    path("admin/saga/", admin.site.urls),
    *health.urlpatterns,
]
