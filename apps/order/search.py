"""What a manager types to find an order, and which index finds it."""

import re
from uuid import UUID

from django.db.models import Q, QuerySet, TextField
from django.db.models.functions import Cast, Substr

from apps.order.identifiers import number_range
from apps.order.models import LONGEST_NAME, TAIL, Order

HELP = (
    "An order's number (MC-…) or id, a customer's e-mail address, user name or id, or the name on the parcel. "
    "The beginning is enough, except of a customer's id."
)
NUMBER = re.compile(r"MC-", re.IGNORECASE)  # without the dash it may be a Mr McGrath
ID = re.compile(r"[0-9a-f]{8}-?[0-9a-f-]{0,27}", re.IGNORECASE)
FEWEST_LETTERS = 4  # of a number without MC before it: fewer are rather the beginning of a name


def matching(orders: QuerySet[Order], typed: str) -> QuerySet[Order]:
    """Those of `orders` that `typed` names."""
    term = typed.strip()[:LONGEST_NAME]
    if not term:
        return orders
    orders = orders.alias(tail=TAIL, before_tail=Substr(Cast("id", TextField()), 23, 1))
    if NUMBER.match(term) and (number := _by_number(term)):
        return orders.filter(number)
    if "@" in term:
        return orders.filter(Q(customer_email__istartswith=term) | Q(customer_name__istartswith=term))
    found = Q(customer_id=term)
    for beginning in ("customer_email", "customer_name", "shipping_address__name"):
        found |= Q(**{f"{beginning}__istartswith": term})
    if ID.fullmatch(term):
        found |= _by_id(term)
    if len(term) >= FEWEST_LETTERS and (number := _by_number(term)):
        found |= number
    return orders.filter(found)


def _by_number(term: str) -> Q | None:
    ids = number_range(term)
    return None if ids is None else Q(tail__range=(ids.first, ids.last), before_tail__in=sorted(ids.before))


def _by_id(term: str) -> Q:
    digits = term.replace("-", "")
    return Q(pk__range=(UUID(digits.ljust(32, "0")[:32]), UUID(digits.ljust(32, "f")[:32])))
