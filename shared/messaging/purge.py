"""Forgetting rows that nobody needs any more: a piece at a time, so that no message waits for it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from shared.contracts.topics import RETENTION_DAYS
from shared.messaging.models import InboxMessage

KEEP_SENT = timedelta(days=1)  # sent messages stay as long as somebody may ask what happened
KEEP_IDS = timedelta(days=RETENTION_DAYS + 1)  # longer than Kafka can bring a message again
PIECE = 1000  # rows that go in one statement
EVERY = 600.0  # seconds between two looks for rows that may go


@dataclass(frozen=True)
class Purge:
    """A periodic job (`shared.messaging.periodic`) that deletes the rows which `rows` finds, a piece each time."""

    rows: Callable[[], QuerySet[Any]]

    def __call__(self) -> bool:
        """Delete a piece; returns whether more may be left. What another replica has in hand is left to it."""
        with transaction.atomic():
            found = self.rows().select_for_update(skip_locked=True).values_list("pk", flat=True)[:PIECE]
            keys = list(found)
            self.rows().model._default_manager.filter(pk__in=keys).delete()
        return len(keys) == PIECE


def old_ids() -> QuerySet[InboxMessage]:
    """Ids of messages that cannot come again; the relay deletes them, in services that have one."""
    return InboxMessage.objects.filter(handled_at__lt=timezone.now() - KEEP_IDS)
