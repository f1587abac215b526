"""`manage.py consume`: handle what comes on Kafka with this service's `handlers.py`, and carry its outbox, if it has one."""

from importlib import import_module
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils.module_loading import import_string

from shared.contracts.topics import REPLAYS
from shared.messaging import kafka, relay, runner
from shared.messaging.consumer import Consumer
from shared.messaging.dead_letters import SEND_TIMEOUT_MS, DeadLetterQueue
from shared.messaging.listener import Listener
from shared.telemetry.probe import Heartbeat


class Command(BaseCommand):
    """Runs one consumer until SIGTERM; start as many as there are partitions."""

    help = "Handle this service's messages from Kafka until told to stop."

    def handle(self, *args: Any, **options: Any) -> None:
        """Build the consumer from the service's listener, which the system checks have judged, and run it."""
        listener: Listener = import_module(f"{settings.SERVICE_PACKAGE}.handlers").LISTENER
        bootstrap, name = settings.ENVIRONMENT.kafka, settings.SERVICE_NAME
        consumer = Consumer(
            kafka=kafka.consumer(bootstrap, name),
            handlers=listener.handlers,
            inbox=import_string(settings.MESSAGING_INBOX)(),
            dead_letters=DeadLetterQueue(
                lambda: kafka.producer(bootstrap, name, gives_up_after=SEND_TIMEOUT_MS), name
            ),
            replays=REPLAYS[name].name,
            periodic=listener.periodic,
            collect=listener.collect,
            heartbeat=Heartbeat(),
            after_turn=listener.after_turn,
        )
        beside = [relay.of_this_service()] if settings.MESSAGING_OUTBOX else []
        runner.run(consumer, *beside)
