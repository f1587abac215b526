"""The Django app that gives a service its outbox and inbox, in the service's own database."""

from django.apps import AppConfig


class MessagingConfig(AppConfig):
    """Tables `messaging_*`, commands `consume` and `relay`."""

    name = "shared.messaging"
    label = "messaging"

    def ready(self) -> None:
        """Register what `manage.py check` and `consume` judge."""
        from django.core.checks import register

        from shared.messaging.checks import listens_as_declared

        register(listens_as_declared)
