"""What the product service tells the others."""

from typing import Annotated

from pydantic import StringConstraints

from shared.contracts.message import AboutProduct, Count, Currency, Money, Name
from shared.contracts.topics import PRODUCT_EVENTS


class ProductEvent(AboutProduct):
    """A product as it is now. `version` rises with every change: an older one never replaces a newer."""

    TOPIC = PRODUCT_EVENTS

    name: Annotated[Name, StringConstraints(min_length=1)]
    price: Money
    currency: Currency
    is_active: bool
    version: Count


class ProductCreated(ProductEvent):
    """A product came into the catalogue."""

    TYPE = "product.created.v1"


class ProductUpdated(ProductEvent):
    """A product changed."""

    TYPE = "product.updated.v1"


class ProductArchived(ProductEvent):
    """A product is not sold any more; past orders still show it."""

    TYPE = "product.archived.v1"
