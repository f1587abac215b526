"""The catalogue in the back office."""

from django.contrib import admin

from apps.product.models import Category, Product
from shared.admin.options import ReadOnlyAdmin


@admin.register(Product)
class ProductAdmin(ReadOnlyAdmin[Product]):
    """The products."""

    list_display = ("name", "price", "currency", "is_active", "updated_at")
    exclude = ("words", "name_key")


@admin.register(Category)
class CategoryAdmin(ReadOnlyAdmin[Category]):
    """The categories."""

    list_display = ("name", "slug")
    exclude = ("name_key",)
