"""What happens in these tests' stories: orders, and the consumer that hears of them."""

import uuid
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from apps.notification.handlers import HANDLERS
from shared import contracts
from shared.messaging.dispatch import dispatch
from shared.messaging.envelope import Received
from shared.messaging.inbox import SqlInbox
from shared.testing.messages import received

LAMP = contracts.OrderedItem(product_id="a" * 24, quantity=2, name="Lamp", unit_price=Decimal("9.75"))


def happened(
    kind: type[contracts.OrderEvent], customer: str, order: uuid.UUID | None = None, **more: Any
) -> Received[contracts.OrderEvent]:
    """A message that something happened to an order of `customer`."""
    event = kind(
        order_id=order or uuid.uuid4(),
        customer_id=customer,
        total=Decimal("19.50"),
        currency="EUR",
        **{"number": "2026-000017", "items": (LAMP,), **more},
    )
    return received(event)


def confirmed(customer: str, order: uuid.UUID | None = None) -> Received[contracts.OrderEvent]:
    """A message that an order was confirmed."""
    return happened(contracts.OrderConfirmed, customer, order)


def hear(*batch: Received[contracts.OrderEvent]) -> int:
    """Handle `batch` in one transaction, exactly as the consumer does; returns how many messages were new."""
    return SqlInbox().handle(batch, lambda messages: dispatch(messages, HANDLERS))


def tell(customer: str, orders: int = 1) -> Sequence[uuid.UUID]:
    """Confirm so many orders of `customer`, in one batch; returns the orders."""
    batch = [confirmed(customer) for _ in range(orders)]
    hear(*batch)
    return [message.message.order_id for message in batch]
