"""Reading a basket."""

from collections.abc import Collection

from apps.basket import product_copy, repository
from apps.basket.errors import CatalogueIncomplete
from apps.basket.repository import Basket


def basket_of(customer: str) -> Basket:
    """The basket of `customer` at today's prices, in one round trip.

    Raises CatalogueIncomplete where a line's product is not known yet: leaving the line out would show, and
    order, half a basket.
    """
    answer = repository.ask("read", customer)
    if not (answer.is_whole or answer.knows_catalogue):
        raise CatalogueIncomplete
    return answer.basket


def as_kept(customer: str) -> Basket:
    """The basket of `customer` for somebody who looks at it: lines whose product is not known yet say so."""
    return repository.ask("read", customer).basket


def may_hold(customer: str, product_ids: Collection[str]) -> set[str]:
    """Which of `product_ids` the basket of `customer` may hold: what is sold, and what is in it already.

    A line that cannot be bought any more stays until the customer takes it out, also when the whole is put again.
    """
    found = product_copy.sold(product_ids)
    if found.issuperset(product_ids):
        return found
    return found | {line.product_id for line in repository.ask("read", customer).basket.items}
