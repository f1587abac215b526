"""Changing a basket: every change is one script in Redis, so two tabs of one customer lose nothing.

`tags` are those of the baskets that the caller is willing to change, parted by spaces; "" for any, "!7-a 8-b" for all
but those.
"""

from collections.abc import Sequence
from typing import Any

from apps.basket import repository
from apps.basket.errors import (
    BasketChanged,
    BasketFull,
    CatalogueIncomplete,
    MixedCurrencies,
    ProductNotFound,
)
from apps.basket.preconditions import etag_of
from apps.basket.repository import Basket
from apps.basket.scripts import run
from shared.contracts import RemoveBasketItems
from shared.contracts.topics import RETENTION_DAYS
from shared.messaging.envelope import Received

# An order is remembered for longer than Kafka can bring its command again.
DAYS_REMEMBERED = RETENTION_DAYS + 1


def set_line(customer: str, product_id: str, quantity: int, tags: str = "") -> Basket:
    """Put `quantity` of a product into the basket, in place of what there was of it."""
    return _change("set_line", customer, tags, product_id, quantity, repository.MAX_LINES)


def replace(customer: str, lines: Sequence[tuple[str, int]], tags: str = "") -> Basket:
    """Make `lines` (product, quantity) the whole basket. The caller has seen to it that each is sold, or is there already."""
    return _change("replace", customer, tags, repository.lines_text(lines))


def remove_line(customer: str, product_id: str, tags: str = "") -> Basket:
    """Take a product out of the basket; safe to repeat."""
    return _change("remove_line", customer, tags, product_id)


def clear(customer: str, tags: str = "") -> Basket:
    """Take everything out of the basket; safe to repeat."""
    return _change("clear", customer, tags)


def remove_ordered(commands: Sequence[Received[RemoveBasketItems]]) -> int:
    """Take what was ordered out of each basket, once for each order; returns how many orders were new.

    The order is what is remembered, not the message: a saga that asks again does so with a new message.
    """
    keys = [repository.key_of(command.message.customer_id) for command in commands]
    args: list[Any] = [_seconds(), DAYS_REMEMBERED]
    for command in commands:
        lines = [(item.product_id, item.quantity) for item in command.message.items]
        args += [command.message.order_id.bytes, repository.lines_text(lines)]
    return int(run("remove_ordered", keys, args))


def _change(script: str, customer: str, tags: str, *args: Any) -> Basket:
    answer = repository.ask(script, customer, tags, _seconds(), *args)
    match answer.outcome:
        case "unknown":
            raise ProductNotFound if answer.knows_catalogue else CatalogueIncomplete
        case "stale":
            raise BasketChanged(version=answer.basket.version, headers={"ETag": etag_of(answer.basket)})
        case "currency":
            raise MixedCurrencies
        case "full":
            raise BasketFull
    return answer.basket


def _seconds() -> int:
    return int(repository.KEPT.total_seconds())
