"""Reading a basket."""

from apps.basket import store
from apps.basket.errors import CatalogueIncomplete
from apps.basket.store import Basket


def basket_of(customer: str) -> Basket:
    """The basket of `customer` at today's prices, in one round trip.

    Raises CatalogueIncomplete where a line's product is not known yet: leaving the line out would show, and
    order, half a basket.
    """
    answer = store.ask("read", customer)
    if not (answer.is_whole or answer.knows_catalogue):
        raise CatalogueIncomplete
    return answer.basket
