"""The basket service: one basket for each customer, in Redis."""

from django.apps import AppConfig


class BasketConfig(AppConfig):
    """The Django app of the basket service."""

    name = "apps.basket"
    label = "basket"
