"""What a customer wants to order, priced by this service: the step before an order exists."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from rest_framework.exceptions import ErrorDetail, ValidationError

from apps.order.errors import MixedCurrencies, PriceChanged, ProductUnavailable, TotalTooLarge
from apps.order.models import OrderLine, total_of
from apps.order.queries import Product, products
from shared.http.fields import MAX_MONEY


@dataclass(frozen=True, slots=True)
class Quote:
    """Order lines priced from the product copy, with their total and currency."""

    lines: list[OrderLine]
    total: Decimal
    currency: str


def quote(items: Sequence[dict[str, Any]]) -> Quote:
    """Price `items` ({product_id, quantity}, and a name where a basket gave it). Raises what stands in the way."""
    known = products([item["product_id"] for item in items])
    _refuse_unknown(items, known)
    _refuse_archived(known)
    currencies = {product.currency for product in known.values()}
    if len(currencies) > 1:
        raise MixedCurrencies
    lines = [_line(position, item, known[item["product_id"]]) for position, item in enumerate(items)]
    total = total_of(lines)
    if total >= MAX_MONEY:
        raise TotalTooLarge
    return Quote(lines, total, currencies.pop())


def check_expectation(found: Quote, expected: Decimal | None) -> None:
    """Raise PriceChanged, with the new prices, where the customer was shown another total."""
    if expected is not None and expected != found.total:
        items = [
            {
                "product_id": line.product_id,
                "name": line.name,
                "quantity": line.quantity,
                "unit_price": f"{line.unit_price:.2f}",
            }
            for line in found.lines
        ]
        raise PriceChanged(items=items, total=f"{found.total:.2f}", currency=found.currency)


def _line(position: int, item: dict[str, Any], product: Product) -> OrderLine:
    return OrderLine(
        position=position,
        product_id=product.product_id,
        name=product.name,
        unit_price=product.price,
        product_version=product.version,
        quantity=item["quantity"],
    )


def _refuse_unknown(items: Sequence[dict[str, Any]], known: dict[str, Product]) -> None:
    missing = {index: item for index, item in enumerate(items) if item["product_id"] not in known}
    # The basket service has heard of a new product before this one: no field of the request is wrong.
    early = [
        {"product_id": item["product_id"], "name": item["name"], "reason": "unknown"}
        for item in missing.values()
        if "name" in item
    ]
    if early:
        raise ProductUnavailable(early)
    if missing:
        wrong = {"product_id": [ErrorDetail("There is no such product.", "does_not_exist")]}
        raise ValidationError({"items": {str(index): wrong for index in missing}})


def _refuse_archived(known: dict[str, Product]) -> None:
    archived = [
        {"product_id": product.product_id, "name": product.name, "reason": "archived"}
        for product in sorted(known.values(), key=lambda product: product.product_id)
        if not product.is_active
    ]
    if archived:
        raise ProductUnavailable(archived)
