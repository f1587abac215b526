"""What the basket service can be told to do."""

from typing import Annotated

from pydantic import Field

from shared.contracts.message import AboutOrder, CustomerId, Item
from shared.contracts.topics import BASKET_COMMANDS


class RemoveBasketItems(AboutOrder):
    """What was ordered leaves the basket; what was added since stays.

    The key is the customer's id: a basket is one customer's, and its changes stay in order.
    """

    TYPE = "basket.remove-items.v1"
    TOPIC = BASKET_COMMANDS

    customer_id: CustomerId
    items: Annotated[tuple[Item, ...], Field(min_length=1, max_length=100, strict=False)]

    @property
    def key(self) -> str:
        """The customer's id."""
        return self.customer_id
