"""The catalogue's API: anyone reads, managers write."""

from apps.product.views.categories import CategoryViewSet
from apps.product.views.pictures import uploaded_picture
from apps.product.views.products import ProductViewSet

__all__ = ["CategoryViewSet", "ProductViewSet", "uploaded_picture"]
