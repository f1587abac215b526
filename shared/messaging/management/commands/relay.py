"""`manage.py relay`: carry this service's outbox to Kafka."""

from importlib.util import find_spec
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from shared.messaging import relay, runner


class Command(BaseCommand):
    """Runs one relay until SIGTERM; a second one stands by. For a service that handles no messages of others."""

    help = "Carry this service's outbox to Kafka until told to stop."

    def handle(self, *args: Any, **options: Any) -> None:
        """Build the relay for this service's store and run it."""
        if find_spec(f"{settings.SERVICE_PACKAGE}.handlers"):
            raise CommandError(
                "`manage.py consume` carries the outbox of this service: start one more of those."
            )
        runner.run(relay.of_this_service())
