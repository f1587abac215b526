"""The notification service: what each customer was told about their orders, and their live connections."""

from django.apps import AppConfig


class NotificationConfig(AppConfig):
    """The Django app of the notification service."""

    name = "apps.notification"
    label = "notification"
