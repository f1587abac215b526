"""Addresses of the product service."""

from django.contrib import admin
from django.urls import include, path, re_path
from rest_framework.routers import SimpleRouter

from apps.product import image_urls
from apps.product.admin_picture import picture_page
from apps.product.pictures import picture
from apps.product.views import CategoryViewSet, ProductViewSet, uploaded_picture
from shared.http import health
from shared.http.error_views import handler400, handler404, handler500

__all__ = ["handler400", "handler404", "handler500", "urlpatterns"]

router = SimpleRouter(use_regex_path=False)
router.register("products", ProductViewSet, basename="product")
router.register("categories", CategoryViewSet, basename="category")

urlpatterns = [
    path("api/", include(router.urls)),
    path("media/products/<slug:slug>.svg", picture, name="picture"),
    re_path(rf"^{image_urls.UPLOADED.pattern.removeprefix('/')}$", uploaded_picture, name="uploaded-picture"),
    path(
        "admin/product/product/<str:product_id>/picture/",
        admin.site.admin_view(picture_page),
        name="picture-page",
    ),
    path("admin/product/", admin.site.urls),
    *health.urlpatterns,
]
