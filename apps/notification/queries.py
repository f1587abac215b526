"""Reads: what a customer was told after a certain id."""

import re
from collections.abc import Iterable, Sequence

from django.db.models import QuerySet

from apps.notification.models import CustomerCursor, Notification

AFTER = re.compile(r"[0-9]{1,18}")
MOST = 10**18 - 1


def parse_after(values: Sequence[str]) -> int | None:
    """The id that `?after=` names; None where it is absent. Raises ValueError with the way out."""
    if not values:
        return None
    if len(values) > 1 or not AFTER.fullmatch(values[0]):
        raise ValueError("`after` takes one id of a notification, such as 17; 0 means from the first on.")
    return int(values[0])


def told_after(customer_id: str, after: int) -> QuerySet[Notification]:
    """What the customer was told after the id `after`, oldest first."""
    return Notification.objects.filter(customer_id=customer_id, id__gt=after).order_by("id")


def newest_ids(customers: Iterable[str]) -> dict[str, int]:
    """The newest id of each customer who was ever told something."""
    return dict(
        CustomerCursor.objects.filter(customer_id__in=list(customers)).values_list("customer_id", "last_id")
    )
