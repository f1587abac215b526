"""What a customer is told about each event: the one table to change for other words."""

from dataclasses import dataclass
from decimal import Decimal

from shared import contracts
from shared.contracts.names import with_names

UNNAMED = "one of the products"  # in an order of which nobody says what its products are called


@dataclass(frozen=True, slots=True)
class Template:
    """A title and a body with `{order}`, `{total}`, `{currency}`; `because` follows where a reason is known."""

    title: str
    body: str
    because: str = ""


TEMPLATES: dict[type[contracts.OrderEvent], Template] = {
    contracts.OrderConfirmed: Template(
        title="Order {order} is confirmed",
        body="Thank you! Everything is set aside for you and will be on its way soon. Total: {total} {currency}.",
    ),
    contracts.OrderRejected: Template(
        title="Order {order} could not be placed",
        body="We are sorry: we cannot deliver this order. Nothing is charged.",
        because="The reason: {reason}",
    ),
    contracts.OrderCancelled: Template(
        title="Order {order} is cancelled",
        body="The order is undone and nothing is charged.",
        because="The reason: {reason}",
    ),
    contracts.OrderShipped: Template(
        title="Order {order} is on its way",
        body="Your parcel has left our house.",
    ),
    contracts.OrderDelivered: Template(
        title="Order {order} has arrived",
        body="Your parcel was delivered. Enjoy!",
    ),
}


def name_of(event: contracts.OrderEvent | type[contracts.OrderEvent]) -> str:
    """The event's name without its version: `order.confirmed`."""
    return event.TYPE.rpartition(".v")[0]


def title_and_body(event: contracts.OrderEvent) -> tuple[str, str]:
    """The title and body that a customer reads about `event`."""
    text, reason = TEMPLATES[type(event)], reason_of(event)
    body = f"{text.body} {text.because}" if reason and text.because else text.body
    words = {
        "order": event.number or str(event.order_id)[:8],
        "total": money(event.total),
        "currency": event.currency,
        "reason": reason,
    }
    return text.title.format_map(words), body.format_map(words)


def reason_of(event: contracts.OrderEvent) -> str | None:
    """Why it happened, for people: products by name, also where an earlier release sent their ids."""
    return event.reason and with_names(
        event.reason, {item.product_id: item.name or UNNAMED for item in event.items}
    )


def money(amount: Decimal) -> str:
    """An amount as every API of the platform writes it."""
    return f"{amount:.2f}"
