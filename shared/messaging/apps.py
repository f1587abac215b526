"""The Django app that gives a service its outbox and inbox, in the service's own database."""

from django.apps import AppConfig


class MessagingConfig(AppConfig):
    """Tables `messaging_*`, commands `consume` and `relay`."""

    name = "shared.messaging"
    label = "messaging"
