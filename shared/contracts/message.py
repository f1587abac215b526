"""The base of every message: a frozen payload that knows its type, its topic and its key.

What a store cannot keep is refused here, at the door: then it is a dead letter at once, and not an error of
the database that is tried again and again.
"""

import re
from decimal import Decimal
from typing import Annotated, Any, ClassVar
from uuid import UUID

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
)

from shared.contracts.topics import Topic

AMOUNT = re.compile(r"[0-9]{1,10}(\.[0-9]{1,2})?")
NO_NUL = r"^[^\x00]*$"  # PostgreSQL keeps every character but this one
LARGEST = 2**63 - 1  # of a whole number in PostgreSQL and MongoDB
LONGEST_REASON = 500


def _amount(value: Any) -> Decimal:
    """Text as every API writes it (gateway/openapi.json): a JSON number would lose cents on the way."""
    if isinstance(value, str) and AMOUNT.fullmatch(value):
        return Decimal(value)
    if isinstance(value, Decimal):
        return value or Decimal(0)  # there is no −0.00
    raise ValueError('an amount is a text such as "12.50"')


Money = Annotated[
    Decimal,
    Field(ge=0, max_digits=12, decimal_places=2),
    BeforeValidator(_amount),
    PlainSerializer(lambda amount: f"{amount:.2f}", return_type=str),
    WithJsonSchema({"type": "string", "pattern": f"^{AMOUNT.pattern}$"}),
]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
ProductId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{24}$")]
CustomerId = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=NO_NUL)]
Name = Annotated[str, StringConstraints(max_length=200, pattern=NO_NUL)]
Reason = Annotated[str, StringConstraints(max_length=LONGEST_REASON, pattern=NO_NUL)]
Quantity = Annotated[int, Field(ge=1, le=999)]
Count = Annotated[int, Field(ge=0, le=LARGEST)]


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


class QuotedItem(Item):
    """So many of one product, priced as it was in `product_version`; without one nobody said which version that was."""

    product_version: Count | None = None
