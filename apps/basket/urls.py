"""Addresses of the basket service."""

from django.urls import include, path, register_converter
from django.urls.converters import StringConverter

from apps.basket import admin
from apps.basket.views import BasketItemView, BasketView
from shared.http import health
from shared.http.error_views import handler400, handler404, handler500

__all__ = ["handler400", "handler404", "handler500", "urlpatterns"]


class ProductIdConverter(StringConverter):
    """An address with anything but a product id leads nowhere."""

    regex = "[0-9a-f]{24}"


register_converter(ProductIdConverter, "product_id")

urlpatterns = [
    path("api/basket/", BasketView.as_view(), name="basket"),
    path("api/basket/items/<product_id:product_id>/", BasketItemView.as_view(), name="basket-item"),
    path("admin/basket/", include(([path("", admin.page, name="index")], "admin"))),
    *health.urlpatterns,
]
