"""Addresses of the order service."""

from shared.http import health
from shared.http.handlers import handler400, handler404, handler500

__all__ = ["handler400", "handler404", "handler500", "urlpatterns"]

urlpatterns = [*health.urlpatterns]
