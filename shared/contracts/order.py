"""What the order service tells the others, and what it can be told to do."""

from typing import Annotated

from pydantic import Field, StringConstraints

from shared.contracts.message import AboutOrder, Currency, CustomerId, Money, Name, QuotedItem, Reason
from shared.contracts.topics import ORDER_COMMANDS, ORDER_EVENTS

Number = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z-]{1,40}$")]


class OrderedItem(QuotedItem):
    """One line of an order, at the price it was bought for."""

    name: Name = ""
    unit_price: Money | None = None


class OrderEvent(AboutOrder):
    """Something happened to an order. `reason` says why, where that is a question."""

    TOPIC = ORDER_EVENTS

    customer_id: CustomerId
    items: Annotated[tuple[OrderedItem, ...], Field(strict=False)]
    total: Money
    currency: Currency
    reason: Reason | None = None
    number: Number | None = None


class OrderSubmitted(OrderEvent):
    """A customer placed an order; nothing is promised yet."""

    TYPE = "order.submitted.v1"


class OrderConfirmed(OrderEvent):
    """The stock is taken: the order will be shipped."""

    TYPE = "order.confirmed.v1"


class OrderRejected(OrderEvent):
    """The order could not be placed."""

    TYPE = "order.rejected.v1"


class OrderCancellationRequested(OrderEvent):
    """Somebody wants the order undone; the saga decides how."""

    TYPE = "order.cancellation-requested.v1"


class OrderCancelled(OrderEvent):
    """The order was undone."""

    TYPE = "order.cancelled.v1"


class OrderShipped(OrderEvent):
    """The order left the house."""

    TYPE = "order.shipped.v1"


class OrderDelivered(OrderEvent):
    """The order arrived."""

    TYPE = "order.delivered.v1"


class OrderCommand(AboutOrder):
    """Tells the order service to take an order a step on."""

    TOPIC = ORDER_COMMANDS

    reason: Reason | None = None


class ConfirmOrder(OrderCommand):
    """The stock is taken: confirm."""

    TYPE = "order.confirm.v1"


class RejectOrder(OrderCommand):
    """It cannot be placed: reject, and say why."""

    TYPE = "order.reject.v1"


class CancelOrder(OrderCommand):
    """Everything is undone: cancel."""

    TYPE = "order.cancel.v1"
