"""What the basket tests shop with: a few products, and the messages that make them known."""

from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from django_redis import get_redis_connection

from apps.basket.operations import remove_ordered
from apps.basket.product_copy import WHOLE, copy_products
from shared.contracts import Item, ProductArchived, ProductUpdated, RemoveBasketItems
from shared.testing.messages import received
from shared.testing.tokens import ALICE

PEN = "0" * 23 + "1"
CUP = "0" * 23 + "2"
HAT = "0" * 23 + "3"
UNKNOWN = "f" * 24

BASKET = "/api/basket/"


def item_url(product_id: str) -> str:
    """The address of a line."""
    return f"/api/basket/items/{product_id}/"


def know_every_product() -> None:
    """Say that the copy of the catalogue is complete."""
    get_redis_connection("default").set(WHOLE, 1)


def updated(
    product_id: str, name: str, price: str, version: int = 1, currency: str = "EUR"
) -> ProductUpdated:
    """The event of a product that is sold."""
    return ProductUpdated(
        product_id=product_id,
        name=name,
        price=Decimal(price),
        currency=currency,
        is_active=True,
        version=version,
    )


def offer(product_id: str, name: str, price: str, version: int = 1, currency: str = "EUR") -> None:
    """A product is sold from now on."""
    copy_products([received(updated(product_id, name, price, version, currency))])


def archived(product_id: str, version: int = 99) -> ProductArchived:
    """The event of a product that is not sold any more."""
    return ProductArchived(
        product_id=product_id,
        name="Gone",
        price=Decimal("1.00"),
        currency="EUR",
        is_active=False,
        version=version,
    )


def archive(product_id: str, version: int = 2) -> None:
    """A product is not sold any more."""
    copy_products([received(archived(product_id, version))])


def ordered(*lines: tuple[str, int], order: UUID | None = None, customer: str = ALICE) -> RemoveBasketItems:
    """The command that ends an order of `lines`."""
    items = tuple(Item(product_id=product_id, quantity=quantity) for product_id, quantity in lines)
    return RemoveBasketItems(order_id=order or uuid4(), customer_id=customer, items=items)


def take_out(*commands: RemoveBasketItems) -> int:
    """Give `commands` to their operation; returns how many orders were new."""
    return remove_ordered([received(command) for command in commands])


def quantities(basket: dict[str, Any]) -> dict[str, int]:
    """Product -> quantity of a basket as the API shows it."""
    return {item["product_id"]: item["quantity"] for item in basket["items"]}
