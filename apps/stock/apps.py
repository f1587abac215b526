"""The stock service: quantities, reservations, the ledger of movements."""

from django.apps import AppConfig


class StockConfig(AppConfig):
    """The Django app of the stock service."""

    name = "apps.stock"
    label = "stock"
