"""The product service: products, categories, prices, pictures."""

from django.apps import AppConfig


class ProductConfig(AppConfig):
    """The Django app of the product service."""

    name = "apps.product"
    label = "product"
