"""From message to handler: everything that the notification service listens to."""

from collections.abc import Sequence
from functools import partial

from django.db import transaction

from apps.notification import broadcast, operations
from apps.notification.models import Notification
from apps.notification.templates import TEMPLATES, money, name_of, reason_of, title_and_body
from shared import contracts
from shared.faults import crash_point
from shared.messaging.dispatch import Handlers
from shared.messaging.envelope import Received
from shared.messaging.listener import Listener
from shared.messaging.periodic import Periodic
from shared.messaging.purge import EVERY, Purge, old_ids


def notify(batch: Sequence[Received[contracts.OrderEvent]]) -> None:
    """Tell each customer what happened to their order, once, and whoever is connected at once."""
    told = operations.record([_draft(received.message) for received in batch])
    if told:
        transaction.on_commit(partial(_announce, told), robust=True)


def _announce(told: Sequence[Notification]) -> None:
    crash_point("notification.before-push")
    broadcast.broadcast(told)
    crash_point("notification.after-push")


def _draft(event: contracts.OrderEvent) -> Notification:
    title, body = title_and_body(event)
    return Notification(
        customer_id=event.customer_id,
        event=name_of(event),
        order_id=event.order_id,
        title=title,
        body=body,
        data={
            "number": event.number,
            "total": money(event.total),
            "currency": event.currency,
            "reason": reason_of(event),
        },
    )


HANDLERS: Handlers = dict.fromkeys(TEMPLATES, notify)
# This service sends no messages and so has no relay that would clear its inbox.
PERIODIC = [Periodic(Purge(old_ids), seconds=EVERY)]
LISTENER = Listener(handlers=HANDLERS, periodic=PERIODIC)
