"""The order service: orders, their lines, prices and address as bought."""

from django.apps import AppConfig


class OrderConfig(AppConfig):
    """The Django app of the order service."""

    name = "apps.order"
    label = "order"
