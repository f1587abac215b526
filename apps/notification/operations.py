"""Writes: telling customers something, and their marking it as read."""

from collections import Counter
from collections.abc import Iterable, Sequence

from django.db import connection
from django.db.models import F
from django.db.models.functions import Coalesce, Now

from apps.notification.errors import UnknownNotification
from apps.notification.models import CustomerCursor, Notification

# Sorted by customer, so that two writers that share customers lock them in the same order.
ADVANCE = f"""
    INSERT INTO {CustomerCursor._meta.db_table} AS mine (customer_id, last_id)
    SELECT * FROM unnest(%s::text[], %s::bigint[])
    ON CONFLICT (customer_id) DO UPDATE SET last_id = mine.last_id + EXCLUDED.last_id
    RETURNING customer_id, last_id
"""  # noqa: S608 - a name of our own


def record(drafts: Sequence[Notification]) -> list[Notification]:
    """Number and write those of `drafts` that were not told before; returns them. Needs a transaction around it.

    Advancing the cursor locks it until the commit: the next writer of this customer gets its numbers only
    when these are visible, and numbers of a transaction that fails are taken back. Three round trips,
    however many drafts.
    """
    fresh = _not_told(drafts)
    if fresh:
        _number(fresh)
        Notification.objects.bulk_create(fresh)
    return fresh


def _not_told(drafts: Sequence[Notification]) -> list[Notification]:
    rows = Notification.objects.filter(order_id__in={draft.order_id for draft in drafts})
    told = set(rows.values_list("order_id", "event", "customer_id"))
    fresh = []
    for draft in drafts:
        fact = (draft.order_id, draft.event, draft.customer_id)
        if fact not in told:
            told.add(fact)
            fresh.append(draft)
    return fresh


def _number(drafts: Iterable[Notification]) -> None:
    counts = Counter(draft.customer_id for draft in drafts)
    customers = sorted(counts)
    with connection.cursor() as cursor:
        cursor.execute(ADVANCE, [customers, [counts[customer] for customer in customers]])
        used = {customer: last_id - counts[customer] for customer, last_id in cursor.fetchall()}
    for draft in drafts:
        used[draft.customer_id] += 1
        draft.id = used[draft.customer_id]


def mark_read(customer_id: str, notification_id: int) -> None:
    """The customer has seen it; the first time counts. Raises UnknownNotification."""
    rows = Notification.objects.filter(customer_id=customer_id, id=notification_id)
    if not rows.update(read_at=Coalesce(F("read_at"), Now())):
        raise UnknownNotification
