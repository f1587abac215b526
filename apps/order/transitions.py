"""Where each command takes an order, and which event answers it. Nothing here reads or writes the database."""

import logging
from collections.abc import Sequence

from apps.order.models import UNDOABLE, Order, Status
from shared import contracts

logger = logging.getLogger(__name__)

Command = contracts.ConfirmOrder | contracts.RejectOrder | contracts.CancelOrder

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


def outcome(order: Order, command: Command) -> type[contracts.OrderEvent] | None:
    """Take `order` where `command` says, if it may go there; the event that answers, None where it is not for now.

    Whoever calls saves the order and sends the event.
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
