"""Everything that changes an order. Each operation is one transaction, its messages included."""

import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.http import Http404
from rest_framework.exceptions import APIException

from apps.order.basket_client import Basket, read_basket
from apps.order.errors import BasketAlreadyOrdered, IdempotencyKeyReused, UnknownOrder
from apps.order.models import LONGEST_EMAIL, LONGEST_NAME, Order, Status
from apps.order.order_writer import WRITER
from apps.order.pricing import Quote, check_expectation, quote
from apps.order.queries import locked
from apps.order.transitions import Command, outcome
from shared import contracts
from shared.auth import Principal
from shared.history.record import compared, record
from shared.messaging import outbox
from shared.messaging.envelope import Received
from shared.messaging.outbox import Outgoing
from shared.postgresql.columns import Columns

logger = logging.getLogger(__name__)


def place_order(customer: Principal, body: dict[str, Any], key: str | None) -> Order:
    """Place an order from `body`; with an idempotency key that was used before, the order it made."""
    fingerprint = _fingerprint(body)
    try:
        return _place(customer, body, key, fingerprint)
    except APIException:
        # The first answer stands whatever has changed since: prices, what is sold, the basket.
        if earlier := _ordered_with(customer, key, fingerprint):
            return earlier
        raise


def _place(customer: Principal, body: dict[str, Any], key: str | None, fingerprint: str) -> Order:
    basket = None
    if "items" not in body:
        if earlier := _ordered_with(customer, key, fingerprint):
            return earlier
        basket = read_basket(customer)
    found = quote(body["items"] if basket is None else basket.items)
    check_expectation(found, body.get("expected_total"))
    order = _new_order(customer, body, found, basket, key, fingerprint)
    if not WRITER.place(order, event(contracts.OrderSubmitted, order)):
        # Somebody was quicker: with this key, then theirs is the answer, or with this basket.
        raise BasketAlreadyOrdered
    return order


def _new_order(
    customer: Principal,
    body: dict[str, Any],
    found: Quote,
    basket: Basket | None,
    key: str | None,
    fingerprint: str,
) -> Order:
    order = Order(
        customer_id=customer.subject,
        customer_name=_kept(customer.username, LONGEST_NAME),
        customer_email=_kept(customer.email, LONGEST_EMAIL),
        total=found.total,
        currency=found.currency,
        shipping_address=body["shipping_address"],
        basket_version=basket.version if basket else None,
        idempotency_key=key,
        fingerprint=fingerprint,
    )
    order.updated_at = order.created_at
    order.bought = found.lines
    for line in found.lines:
        line.order = order
    return order


def _kept(claim: str, longest: int) -> str | None:
    """What a token says of its customer; None where that is nothing, or nothing that the database could hold."""
    return claim if claim and len(claim) <= longest and "\0" not in claim else None


def _ordered_with(customer: Principal, key: str | None, fingerprint: str) -> Order | None:
    if key is None:
        return None
    order = (
        Order.objects.filter(customer_id=customer.subject, idempotency_key=key)
        .prefetch_related("lines")
        .first()
    )
    if order is not None and order.fingerprint != fingerprint:
        raise IdempotencyKeyReused
    return order


def _fingerprint(body: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True, default=str).encode()).hexdigest()


def cancel(order_id: UUID, reason: str, *, only_of: str | None) -> Order:
    """Ask for an order to be undone, by its customer (`only_of`) or by a manager (None)."""

    def request(order: Order) -> type[contracts.OrderEvent] | None:
        return contracts.OrderCancellationRequested if order.request_cancellation(reason) else None

    return _change(order_id, request, only_of=only_of)


def ship(order_id: UUID) -> Order:
    """Ship a confirmed order; its event tells the customer."""

    def transition(order: Order) -> type[contracts.OrderEvent]:
        order.ship()
        return contracts.OrderShipped

    return _change(order_id, transition)


def deliver(order_id: UUID) -> Order:
    """Mark a shipped order as delivered; its event tells the customer."""

    def transition(order: Order) -> type[contracts.OrderEvent]:
        order.move_to(Status.DELIVERED)
        return contracts.OrderDelivered

    return _change(order_id, transition)


def apply_commands(commands: Sequence[Received[Command]]) -> None:
    """Apply each command to its order and publish the events that answer; one that changes nothing is answered again.

    Belongs into the transaction of the messages. Raises UnknownOrder.
    """
    orders = _locked({command.message.order_id for command in commands})
    changed: list[Order] = []
    replies: list[Outgoing] = []
    for command in commands:
        order = orders[command.message.order_id]
        before = order.status
        answer = outcome(order, command.message)
        if order.status != before:
            changed.append(order)
        if answer is not None:
            replies.append((event(answer, order), command))
    save_moved(changed)
    outbox.publish_all(replies)


def _locked(ids: set[UUID]) -> dict[UUID, Order]:
    """The orders with their lines, locked; raises UnknownOrder."""
    orders = {order.pk: order for order in locked(ids)}
    missing = ids - orders.keys()
    if missing:
        raise UnknownOrder(f"There is no order {', '.join(str(order_id) for order_id in missing)}.")
    return orders


@transaction.atomic
def _change(
    order_id: UUID,
    transition: Callable[[Order], type[contracts.OrderEvent] | None],
    *,
    only_of: str | None = None,
) -> Order:
    orders = Order.objects.select_for_update()
    if only_of is not None:
        orders = orders.filter(customer_id=only_of)
    order = orders.filter(pk=order_id).first()
    if order is None:
        raise Http404
    before = {"status": order.status}
    happened = transition(order)
    if happened is not None:
        order.save(update_fields=CHANGING)
        reason = order.cancellation_reason if happened is contracts.OrderCancellationRequested else ""
        record(order, DONE[happened], compared(before, {"status": order.status}), reason=reason)
        outbox.publish(event(happened, order))
    return order


# What the history calls what somebody did. What the platform does on its own (confirm, reject) is in the saga's timeline.
DONE: dict[type[contracts.OrderEvent], str] = {
    contracts.OrderCancellationRequested: "asked to be cancelled",
    contracts.OrderShipped: "shipped",
    contracts.OrderDelivered: "delivered",
}

# What `Order.move_to` changes, by PostgreSQL's types.
MOVES = {
    "status": "text",
    "status_reason": "text",
    "basket_version": "bigint",
    "updated_at": "timestamptz",
}
CHANGING = [*MOVES, "cancellation_requested_at", "cancellation_reason"]

# Django's `bulk_update` makes a CASE with a branch for each order out of every column, which costs the process more than all
# the rest of a batch.
MOVED = Columns(id="uuid", **MOVES)
SAVE_MOVED = f"""
    UPDATE order_order AS mine SET {", ".join(f"{name} = moved.{name}" for name in MOVES)}
    FROM {MOVED.rows} AS moved ({MOVED.names})
    WHERE mine.id = moved.id
"""  # noqa: S608 - names of our own


def save_moved(orders: Sequence[Order]) -> None:
    """Write how far `orders`, which are locked, have come: one statement, however many they are."""
    if orders:
        with connection.cursor() as cursor:
            cursor.execute(SAVE_MOVED, MOVED.of(orders))


def event(kind: type[contracts.OrderEvent], order: Order) -> contracts.OrderEvent:
    """What happened to `order`, for the other services."""
    return kind(
        order_id=order.id,
        customer_id=order.customer_id,
        number=order.number,
        items=tuple(
            contracts.OrderedItem(
                product_id=line.product_id,
                quantity=line.quantity,
                name=line.name,
                unit_price=line.unit_price,
                product_version=line.product_version,
            )
            for line in order.bought
        ),
        total=order.total,
        currency=order.currency,
        reason=order.reason or order.cancellation_reason or None,
    )
