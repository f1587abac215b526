"""From message to handler: everything that the stock service listens to, and what it does by the clock."""

from collections.abc import Sequence

from apps.stock.levels import follow_catalogue
from apps.stock.queries import outlived
from apps.stock.reservations import expire_some, obey
from shared import contracts
from shared.messaging.dispatch import Handlers
from shared.messaging.envelope import Received
from shared.messaging.periodic import Periodic
from shared.messaging.purge import EVERY, Purge

EXPIRE_EVERY = 5.0  # seconds


def keep_stock_of(events: Sequence[Received[contracts.ProductEvent]]) -> None:
    """A stock item for every product, empty at first, that knows whether the product is sold."""
    follow_catalogue(event.message for event in events)


HANDLERS: Handlers = {
    contracts.ReserveStock: obey,
    contracts.CommitStock: obey,
    contracts.ReleaseStock: obey,
    contracts.ProductCreated: keep_stock_of,
    contracts.ProductUpdated: keep_stock_of,
    contracts.ProductArchived: keep_stock_of,
}
PERIODIC = [Periodic(expire_some, EXPIRE_EVERY), Periodic(Purge(outlived), EVERY)]
