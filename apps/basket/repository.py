"""Baskets as Redis keeps them, and what a script answers about one.

A line whose product is archived, or is priced in another currency than the lines before it, stays where it is
and says that it cannot be bought: it does not count in the total, and the basket is not ordered until it is gone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from apps.basket.product_copy import COPIES, WHOLE, ProductCopy, parse
from apps.basket.scripts import run
from apps.basket.service import SERVICE

MAX_LINES = 100
MAX_QUANTITY = 999
KEPT = SERVICE.keeps["baskets since their last change"]
UNKNOWN_NAME = "Unknown product"
EMPTY_CURRENCY = "EUR"  # what the total of a basket without lines is written in


class Unavailable(StrEnum):
    """Why a line cannot be bought."""

    ARCHIVED = "archived"  # it is not sold any more
    OTHER_CURRENCY = "other-currency"  # than the basket's
    UNKNOWN = "unknown"  # the catalogue does not have it


@dataclass(frozen=True, slots=True)
class Line:
    """So many of one product, at today's name and price; `unavailable` says why it cannot be bought."""

    product_id: str
    name: str
    unit_price: Decimal
    quantity: int
    unavailable: Unavailable | None = None

    @property
    def line_total(self) -> Decimal:
        """Unit price times quantity."""
        return self.unit_price * self.quantity


@dataclass(frozen=True, slots=True)
class Basket:
    """What a customer would order now.

    `version` rises with every change and never comes twice. `tag` changes with everything that is shown, also with
    what changes without the customer: a price, a name, a product that is archived.
    """

    version: int
    tag: str
    currency: str
    items: Sequence[Line]

    @property
    def changed_at(self) -> datetime | None:
        """When the customer changed it last: versions follow the clock, in microseconds; None where there is none."""
        return datetime.fromtimestamp(self.version / 1_000_000, UTC) if self.version else None

    @property
    def total(self) -> Decimal:
        """What can be bought of the basket costs so much."""
        return sum((line.line_total for line in self.items if line.unavailable is None), Decimal("0.00"))


@dataclass(frozen=True, slots=True)
class Answer:
    """What a script about a basket did ("ok") or why not, and the basket after it.

    `is_whole` is false where the copy of the catalogue does not have a product of the basket, and
    `knows_catalogue` where it may be missing any.
    """

    outcome: str
    basket: Basket
    is_whole: bool
    knows_catalogue: bool


def ask(script: str, customer: str, *args: Any) -> Answer:
    """Run a script about the basket of `customer`."""
    outcome, version, tag, knows_catalogue, lines = run(script, [key_of(customer), COPIES, WHOLE], args)
    is_whole = all(copy is not None for _, _, copy in lines)
    return Answer(outcome.decode(), _basket(version, tag.decode(), lines), is_whole, bool(knows_catalogue))


def key_of(customer: str) -> str:
    """Where the basket of `customer` is kept."""
    return f"basket:{customer}"


def lines_text(lines: Sequence[tuple[str, int]]) -> str:
    """Lines (product, quantity) as the scripts write them."""
    return " ".join(f"{product}:{quantity}" for product, quantity in lines)


def _basket(version: int, tag: str, found: Sequence[tuple[bytes, int, bytes | None]]) -> Basket:
    lines = [
        (product.decode(), quantity, None if copy is None else parse(copy))
        for product, quantity, copy in found
    ]
    copies = [copy for _, _, copy in lines if copy]
    currencies = [copy.currency for copy in copies if copy.is_active] or [copy.currency for copy in copies]
    currency = currencies[0] if currencies else EMPTY_CURRENCY
    return Basket(version, tag, currency, [_line(*line, currency) for line in lines])


def _line(product_id: str, quantity: int, copy: ProductCopy | None, currency: str) -> Line:
    if copy is None:
        return Line(product_id, UNKNOWN_NAME, Decimal("0.00"), quantity, Unavailable.UNKNOWN)
    unavailable = None
    if not copy.is_active:
        unavailable = Unavailable.ARCHIVED
    elif copy.currency != currency:
        unavailable = Unavailable.OTHER_CURRENCY
    return Line(product_id, copy.name, copy.price, quantity, unavailable)
