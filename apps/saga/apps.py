"""The saga service: where each order placement stands, and what to do next."""

from django.apps import AppConfig


class SagaConfig(AppConfig):
    """The Django app of the saga service."""

    name = "apps.saga"
    label = "saga"
