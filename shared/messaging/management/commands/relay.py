"""`manage.py relay`: carry this service's outbox to Kafka."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils.module_loading import import_string

from shared.messaging import kafka, process
from shared.messaging.relay import Relay


class Command(BaseCommand):
    """Runs one relay until SIGTERM; a second one stands by."""

    help = "Carry this service's outbox to Kafka until told to stop."

    def handle(self, *args: Any, **options: Any) -> None:
        """Build the relay for this service's store and run it."""
        source = import_string(settings.MESSAGING_OUTBOX)()
        relay = Relay(source, kafka.producer(settings.ENVIRONMENT.kafka, settings.SERVICE_NAME))
        process.run(relay.run, relay.stop, relay.pulse)
