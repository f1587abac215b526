"""The words that the stock service's tests are written in: put goods on the shelf, deliver commands, look."""

from collections.abc import Iterable
from decimal import Decimal
from functools import partial
from uuid import UUID, uuid5

from apps.stock.handlers import HANDLERS
from apps.stock.models import Reservation, StockItem
from apps.stock.operations import set_on_hand
from shared.contracts import (
    BY_TYPE,
    Message,
    ProductArchived,
    ProductEvent,
    QuotedItem,
    ReserveStock,
    StockLevelChanged,
)
from shared.contracts.message import Item
from shared.contracts.stock import StockCommand
from shared.messaging.dispatch import dispatch
from shared.messaging.envelope import Received
from shared.messaging.inbox import SqlInbox
from shared.messaging.models import OutboxMessage
from shared.testing.messages import received

NAMESPACE = UUID(int=0x57)


def product(name: str) -> str:
    """A product id for a short name."""
    return name.encode().hex().rjust(24, "0")


def order(number: int = 1) -> UUID:
    """The id of the order with this number."""
    return uuid5(NAMESPACE, str(number))


def put(**levels: int) -> None:
    """Products with so many on hand."""
    for name, on_hand in levels.items():
        StockItem.objects.get_or_create(product_id=product(name))
        set_on_hand(product(name), on_hand, actor="")


def command(kind: type[StockCommand], order_id: UUID, **quantities: int) -> Received[StockCommand]:
    """A command as it comes from Kafka, with a new id; without quantities it is about one `a`."""
    lines = quantities or {"a": 1}
    item = QuotedItem if kind is ReserveStock else Item
    items = tuple(item(product_id=product(name), quantity=quantity) for name, quantity in lines.items())
    return received(kind(order_id=order_id, items=items))


def quoted(order_id: UUID, version: int | None, name: str = "a", quantity: int = 1) -> Received[ReserveStock]:
    """A reserve whose order was priced by this version of the product."""
    item = QuotedItem(product_id=product(name), quantity=quantity, product_version=version)
    return received(ReserveStock(order_id=order_id, items=(item,)))


def told(kind: type[ProductEvent], name: str, version: int = 1) -> Received[ProductEvent]:
    """What the product service says of a product."""
    return received(
        kind(
            product_id=product(name),
            name=name,
            price=Decimal(1),
            currency="EUR",
            is_active=kind is not ProductArchived,
            version=version,
        )
    )


def deliver(messages: Iterable[Received[Message]]) -> list[Message]:
    """Handle `messages` as one batch, through the inbox. Returns what was answered, in order."""
    last = OutboxMessage.objects.order_by("id").last()
    SqlInbox().handle(list(messages), partial(dispatch, handlers=HANDLERS))
    return said_since(last.pk if last else 0)


def said_since(outbox_id: int) -> list[Message]:
    """The messages in the outbox after `outbox_id`."""
    rows = OutboxMessage.objects.filter(id__gt=outbox_id).order_by("id")
    return [BY_TYPE[row.headers["ce_type"]].model_validate_json(row.payload) for row in rows]


def replies(messages: Iterable[Received[Message]]) -> list[Message]:
    """As `deliver`, without what is told of levels."""
    return [message for message in deliver(messages) if not isinstance(message, StockLevelChanged)]


def level(name: str) -> tuple[int, int]:
    """(on hand, reserved) of a product."""
    item = StockItem.objects.get(pk=product(name))
    return item.on_hand, item.reserved


def state(order_id: UUID) -> str | None:
    """The state of an order's reservation."""
    return Reservation.objects.filter(pk=order_id).values_list("state", flat=True).first()
