"""From message to handler: everything that the order service listens to."""

import logging
from collections.abc import Sequence
from uuid import UUID

from django.db import connection

from apps.order.errors import UnknownOrder
from apps.order.models import UNDOABLE, Order, Status
from apps.order.operations import event, save_moved
from apps.order.queries import locked
from shared import contracts
from shared.messaging import outbox
from shared.messaging.dispatch import Handlers
from shared.messaging.envelope import Received
from shared.messaging.outbox import Outgoing
from shared.postgresql.columns import Columns

logger = logging.getLogger(__name__)

Command = contracts.ConfirmOrder | contracts.RejectOrder | contracts.CancelOrder
Commands = Sequence[Received[Command]]
Products = Sequence[Received[contracts.ProductEvent]]

# Where each command takes an order, and from which states.
OUTCOMES: dict[type[contracts.Message], tuple[Status, tuple[Status, ...]]] = {
    contracts.ConfirmOrder: (Status.CONFIRMED, (Status.SUBMITTED,)),
    contracts.RejectOrder: (Status.REJECTED, (Status.SUBMITTED,)),
    contracts.CancelOrder: (Status.CANCELLED, UNDOABLE),
}
BOUGHT = (Status.CONFIRMED, Status.SHIPPED, Status.DELIVERED)
# What is said of an order that is in one of these states: one that was shipped meanwhile was confirmed, too.
ANSWERS: dict[Status, type[contracts.OrderEvent]] = {
    Status.CONFIRMED: contracts.OrderConfirmed,
    Status.SHIPPED: contracts.OrderConfirmed,
    Status.DELIVERED: contracts.OrderConfirmed,
    Status.REJECTED: contracts.OrderRejected,
    Status.CANCELLED: contracts.OrderCancelled,
}


def obey(commands: Commands) -> None:
    """Take each order where its command says; one that has ended, or is there already, says so again."""
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


def outcome(order: Order, command: Command) -> type[contracts.OrderEvent] | None:
    """Take `order` where `command` says, if it may go there; the event that answers, None where it is not for now.

    Nothing is read or written: whoever calls saves the order and sends the event.
    """
    target, origins = OUTCOMES[type(command)]
    if _may_go(order, target, origins):
        order.move_to(target, command.reason or "")
    elif order.status == Status.SUBMITTED or (target != Status.CONFIRMED and order.status in BOUGHT):
        logger.warning("%s of an order that is %s is not for now: %s", command.TYPE, order.status, order.id)
        return None
    return ANSWERS[Status(order.status)]


def _may_go(order: Order, target: Status, origins: Sequence[Status]) -> bool:
    # A confirmation that crosses a cancellation is not announced: the saga is about to undo it.
    if target == Status.CONFIRMED and order.is_being_cancelled:
        return False
    return order.status in origins


def _locked(ids: set[UUID]) -> dict[UUID, Order]:
    """The orders with their lines, locked; raises UnknownOrder."""
    orders = {order.pk: order for order in locked(ids)}
    missing = ids - orders.keys()
    if missing:
        raise UnknownOrder(f"There is no order {', '.join(str(order_id) for order_id in missing)}.")
    return orders


PRODUCTS = Columns(
    product_id="text", name="text", price="numeric", currency="text", is_active="bool", version="bigint"
)
UPSERT = f"""
    INSERT INTO order_productcopy AS mine ({PRODUCTS.names})
    SELECT * FROM {PRODUCTS.rows}
    ON CONFLICT (product_id) DO UPDATE SET (name, price, currency, is_active, version)
        = (EXCLUDED.name, EXCLUDED.price, EXCLUDED.currency, EXCLUDED.is_active, EXCLUDED.version)
    WHERE mine.version < EXCLUDED.version
"""  # noqa: S608 - names of our own


def copy_products(events: Products) -> None:
    """Keep the newest version of each product; an older one that comes late changes nothing."""
    newest: dict[str, contracts.ProductEvent] = {}
    for received in events:
        product = received.message
        if product.product_id not in newest or newest[product.product_id].version < product.version:
            newest[product.product_id] = product
    rows = [newest[key] for key in sorted(newest)]
    with connection.cursor() as cursor:
        cursor.execute(UPSERT, PRODUCTS.of(rows))


HANDLERS: Handlers = {
    contracts.ConfirmOrder: obey,
    contracts.RejectOrder: obey,
    contracts.CancelOrder: obey,
    contracts.ProductCreated: copy_products,
    contracts.ProductUpdated: copy_products,
    contracts.ProductArchived: copy_products,
}
