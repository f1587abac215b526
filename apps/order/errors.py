"""What can go wrong with an order, one class for each, with its status and the way out."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from shared.http.problems import Problem


class BasketEmpty(Problem):
    """Nothing to order."""

    slug = "basket-empty"
    status_code = 409
    title = "The basket is empty"
    default_detail = "There is nothing in your basket: put something in, or send `items`."


class BasketAlreadyOrdered(Problem):
    """One version of a basket can be ordered once."""

    slug = "basket-already-ordered"
    status_code = 409
    title = "This basket was ordered already"
    default_detail = "This basket, as it is now, was ordered already. Change it to order again; /api/orders/ shows the order."


class BasketUnavailable(Problem):
    """The basket service does not answer."""

    slug = "basket-unavailable"
    status_code = 503
    title = "The basket cannot be read"
    default_detail = "The basket cannot be read right now. Nothing was ordered; try again shortly."


class PriceChanged(Problem):
    """`expected_total` no longer holds; `items`, `total` and `currency` say what holds now."""

    slug = "price-changed"
    status_code = 409
    title = "A price has changed"
    example: ClassVar = {
        "items": [
            {
                "product_id": "65f0c0ffee65f0c0ffee65f0",
                "name": "Desk lamp",
                "quantity": 2,
                "unit_price": "49.90",
            }
        ],
        "total": "99.80",
        "currency": "EUR",
    }
    default_detail = (
        "The total is not what you expected. Look at the new prices and order again with the new total."
    )


WHY = {
    "archived": "“{name}” is not sold any more.",
    "other-currency": "“{name}” has its price in another currency than the rest.",
}
OTHERWISE = "“{name}” cannot be bought right now."  # and what a newer basket service may say


class ProductUnavailable(Problem):
    """Something in the order cannot be bought; `products` names it and says why, and `product_ids` are its ids."""

    slug = "product-unavailable"
    status_code = 409
    title = "A product is not available"
    example: ClassVar = {
        "product_ids": ["65f0c0ffee65f0c0ffee65f0"],
        "products": [{"product_id": "65f0c0ffee65f0c0ffee65f0", "name": "Desk lamp", "reason": "archived"}],
    }
    default_detail = "“Desk lamp” is not sold any more. Take it out and order again; nothing was ordered."

    def __init__(self, products: Sequence[Mapping[str, str]]) -> None:
        """About `products`: the product_id, name and reason (a key of WHY) of each."""
        said = " ".join(WHY.get(each["reason"], OTHERWISE).format_map(each) for each in products)
        what = "it" if len(products) == 1 else "them"
        super().__init__(
            f"{said} Take {what} out and order again; nothing was ordered.",
            product_ids=[each["product_id"] for each in products],
            products=products,
        )


class MixedCurrencies(Problem):
    """One order has one currency."""

    slug = "mixed-currencies"
    status_code = 409
    title = "The prices are in different currencies"
    default_detail = "One order can only hold products of one currency. Order them apart."


class TotalTooLarge(Problem):
    """More than an order's total can say."""

    slug = "total-too-large"
    status_code = 409
    title = "The total is too large"
    default_detail = (
        "The total of this order is larger than an order can be. Order less, or in several orders."
    )


class IdempotencyKeyReused(Problem):
    """The same key came with another body."""

    slug = "idempotency-key-reused"
    status_code = 422
    title = "The idempotency key was used for another order"
    default_detail = "This Idempotency-Key belongs to another request. Use a new key for a new order."


class IdempotencyKeyInvalid(Problem):
    """The header is not a key."""

    slug = "idempotency-key-invalid"
    status_code = 400
    title = "The idempotency key is not acceptable"
    default_detail = "Idempotency-Key takes 1 to 255 visible ASCII characters."


class WrongState(Problem):
    """The order is not in a state that allows this; `order_status` says which it is in."""

    slug = "order-state"
    status_code = 409
    title = "The order's state does not allow this"
    default_detail = "An order that is rejected cannot be cancelled."
    example: ClassVar = {"order_status": "rejected"}


class UnknownOrder(Exception):
    """A command names an order that does not exist (yet)."""
