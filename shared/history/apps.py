"""The Django app that gives a service its history, in the service's own database."""

from django.apps import AppConfig


class HistoryConfig(AppConfig):
    """The table `history_change`."""

    name = "shared.history"
    label = "history"
