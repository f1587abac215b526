"""Addresses of the stock service."""

from django.contrib import admin
from django.urls import path, register_converter

from apps.stock.views import Adjustments, Movements, StockDetail, StockList
from shared.http import health
from shared.http.error_views import handler400, handler404, handler500

__all__ = ["handler400", "handler404", "handler500", "urlpatterns"]


class ProductIdConverter:
    """A product's id: anything else is no address of this service."""

    regex = "[0-9a-f]{24}"

    def to_python(self, value: str) -> str:
        """As it stands."""
        return value

    def to_url(self, value: str) -> str:
        """As it stands."""
        return value


register_converter(ProductIdConverter, "product_id")

urlpatterns = [
    path("api/stock/", StockList.as_view(), name="stock"),
    path("api/stock/<product_id:product_id>/", StockDetail.as_view(), name="stock-item"),
    path("api/stock/<product_id:product_id>/adjustments/", Adjustments.as_view(), name="stock-adjustments"),
    path("api/stock/<product_id:product_id>/movements/", Movements.as_view(), name="stock-movements"),
    path("admin/stock/", admin.site.urls),
    *health.urlpatterns,
]
