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
from shared.telemetry.probe import Heartbeat


class Command(BaseCommand):
    """Runs one consumer until SIGTERM; start as many as there are partitions."""

    help = "Handle this service's messages from Kafka until told to stop."

    def handle(self, *args: Any, **options: Any) -> None:
        """Build the consumer from the service's table of handlers and run it."""
        table = import_module(f"{settings.SERVICE_PACKAGE}.handlers")
        bootstrap, name = settings.ENVIRONMENT.kafka, settings.SERVICE_NAME
        consumer = Consumer(
            kafka=kafka.consumer(bootstrap, name),
            handlers=table.HANDLERS,
            inbox=import_string(settings.MESSAGING_INBOX)(),
            dead_letters=DeadLetterQueue(
                lambda: kafka.producer(bootstrap, name, gives_up_after=SEND_TIMEOUT_MS), name
            ),
            replays=REPLAYS[name].name,
            periodic=getattr(table, "PERIODIC", ()),
            collect=getattr(table, "COLLECT", None),
            heartbeat=Heartbeat(),
            after_turn=getattr(table, "AFTER_TURN", None),
        )
        beside = [relay.of_this_service()] if settings.MESSAGING_OUTBOX else []
        runner.run(consumer, *beside)
