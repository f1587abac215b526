"""The base of every message: a frozen payload that knows its type, its topic and its key."""

from decimal import Decimal
from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, StringConstraints

from shared.contracts.topics import Topic

Money = Annotated[
    Decimal,
    Field(ge=0, max_digits=12, decimal_places=2),
    PlainSerializer(lambda amount: f"{amount:.2f}", return_type=str),
]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
ProductId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{24}$")]
CustomerId = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Quantity = Annotated[int, Field(ge=1, le=999)]
Count = Annotated[int, Field(ge=0)]


class Part(BaseModel):
    """Something inside a message. An unknown field is ignored: a newer producer may add optional ones."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)


class Message(Part):
    """A command or an event. `TYPE` ends in its major version; a new major version is a new class."""

    TYPE: ClassVar[str]
    TOPIC: ClassVar[Topic]

    @property
    def key(self) -> str:
        """The aggregate's id: messages with one key stay in order."""
        raise TypeError(f"{type(self).__name__} names no key")  # pragma: no cover - every contract does


class AboutOrder(Message):
    """A message about one order."""

    order_id: UUID

    @property
    def key(self) -> str:
        """The order's id."""
        return str(self.order_id)


class AboutProduct(Message):
    """A message about one product."""

    product_id: ProductId

    @property
    def key(self) -> str:
        """The product's id."""
        return self.product_id


class Item(Part):
    """So many of one product."""

    product_id: ProductId
    quantity: Quantity
