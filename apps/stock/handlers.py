"""From message to handler: everything that the stock service listens to, and what it does by the clock."""

from collections.abc import Sequence
from typing import Any

from apps.stock.levels import follow_catalogue
from apps.stock.queries import outlived
from apps.stock.reservations import expire_some, obey
from shared import contracts
from shared.messaging.dispatch import Handlers
from shared.messaging.envelope import Received
from shared.messaging.periodic import Periodic
from shared.messaging.purge import EVERY, Purge

EXPIRE_EVERY = 5.0  # seconds


def take(batch: Sequence[Received[Any]]) -> None:
    """Commands, and what is told of products, together: so that all rows of both are locked in one order."""
    told = [each.message for each in batch if isinstance(each.message, contracts.ProductEvent)]
    commands = [each for each in batch if not isinstance(each.message, contracts.ProductEvent)]
    if commands:
        obey(commands, told)
    else:
        follow_catalogue(told)


HANDLERS: Handlers = {
    contracts.ReserveStock: take,
    contracts.CommitStock: take,
    contracts.ReleaseStock: take,
    contracts.ProductCreated: take,
    contracts.ProductUpdated: take,
    contracts.ProductArchived: take,
}
PERIODIC = [Periodic(expire_some, EXPIRE_EVERY), Periodic(Purge(outlived), EVERY)]
