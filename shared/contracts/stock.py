"""What the stock service can be told to do, and what it tells the others."""

from typing import Annotated

from pydantic import Field

from shared.contracts.message import (
    AboutOrder,
    AboutProduct,
    Count,
    Item,
    Part,
    ProductId,
    QuotedItem,
    Reason,
)
from shared.contracts.topics import STOCK_COMMANDS, STOCK_EVENTS

SIZE = Field(min_length=1, max_length=100, strict=False)
Items = Annotated[tuple[Item, ...], SIZE]
QuotedItems = Annotated[tuple[QuotedItem, ...], SIZE]


class StockCommand(AboutOrder):
    """Tells the stock service what to do with an order's reservation; each is safe to repeat."""

    TOPIC = STOCK_COMMANDS

    items: Items


class ReserveStock(StockCommand):
    """Hold all of it for this order, or none. What was archived since its version was quoted is refused."""

    TYPE = "stock.reserve.v1"

    items: QuotedItems


class CommitStock(StockCommand):
    """What is held is sold."""

    TYPE = "stock.commit.v1"


class ReleaseStock(StockCommand):
    """Give back what is held, or put back what was sold; also before it was ever reserved."""

    TYPE = "stock.release.v1"


class Shortage(Part):
    """A product of which there was not enough."""

    product_id: ProductId
    requested: Count
    available: Count


class StockReply(AboutOrder):
    """An answer about one order's reservation."""

    TOPIC = STOCK_EVENTS


class StockReserved(StockReply):
    """All of it is held."""

    TYPE = "stock.reserved.v1"


class StockRejected(StockReply):
    """Nothing is held: `unavailable` names what is not sold any more, `shortages` of what there was too little.

    `reason` says why otherwise, and the first in words.
    """

    TYPE = "stock.rejected.v1"

    shortages: Annotated[tuple[Shortage, ...], Field(strict=False)] = ()
    reason: Reason | None = None
    unavailable: Annotated[tuple[ProductId, ...], Field(strict=False)] = ()


class StockCommitted(StockReply):
    """It is sold."""

    TYPE = "stock.committed.v1"


class StockReleased(StockReply):
    """Nothing is held for this order any more and nothing will be; `reason` is released, restocked or expired."""

    TYPE = "stock.released.v1"

    reason: Reason | None = None


class StockLevelChanged(AboutProduct):
    """How many there are now. `available` = `on_hand` − `reserved`; `version` rises with every change."""

    TYPE = "stock.level-changed.v1"
    TOPIC = STOCK_EVENTS

    on_hand: Count
    reserved: Count
    available: Count
    version: Count
