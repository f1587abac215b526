"""Baskets as Redis keeps them, and what a script answers about one.

A line whose product is archived, or is priced in another currency than the lines before it, stays in Redis
but is not part of the basket that anybody sees, pays for or orders; it is back when the product is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from apps.basket.catalogue import COMPLETE, COPIES, is_complete, parse
from apps.basket.scripts import run

MAX_LINES = 100
MAX_QUANTITY = 999
KEPT = timedelta(days=180)  # since its last change
EMPTY_CURRENCY = "EUR"  # what the total of a basket without lines is written in


@dataclass(frozen=True, slots=True)
class Line:
    """So many of one product, at today's name and price."""

    product_id: str
    name: str
    unit_price: Decimal
    quantity: int

    @property
    def line_total(self) -> Decimal:
        """What the line costs."""
        return self.unit_price * self.quantity


@dataclass(frozen=True, slots=True)
class Basket:
    """What a customer would order now. `version` rises with every change and never comes twice."""

    version: int
    currency: str
    items: Sequence[Line]

    @property
    def total(self) -> Decimal:
        """What the basket costs."""
        return sum((line.line_total for line in self.items), Decimal("0.00"))


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
    outcome, version, partitions, lines = run(script, [key_of(customer), COPIES, COMPLETE], args)
    is_whole = all(copy is not None for _, _, copy in lines)
    return Answer(outcome.decode(), _basket(version, lines), is_whole, is_complete(partitions))


def key_of(customer: str) -> str:
    """Where the basket of `customer` is kept."""
    return f"basket:{customer}"


def lines_text(lines: Sequence[tuple[str, int]]) -> str:
    """Lines (product, quantity) as the scripts write them."""
    return " ".join(f"{product}:{quantity}" for product, quantity in lines)


def _basket(version: int, lines: Sequence[tuple[bytes, int, bytes | None]]) -> Basket:
    copies = [(product, quantity, parse(copy)) for product, quantity, copy in lines if copy is not None]
    sold = [(product, quantity, copy) for product, quantity, copy in copies if copy.is_active]
    currency = sold[0][2].currency if sold else EMPTY_CURRENCY
    items = [
        Line(product.decode(), copy.name, copy.price, quantity)
        for product, quantity, copy in sold
        if copy.currency == currency
    ]
    return Basket(version, currency, items)
