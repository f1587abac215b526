"""From message to handler: everything that the stock service listens to, and what it does by the clock."""

from collections.abc import Sequence
from typing import Any

from apps.stock.levels import apply_product_events
from apps.stock.operations import apply_commands, expire_some
from apps.stock.queries import outlived
from shared import contracts
from shared.messaging.dispatch import Handlers
from shared.messaging.envelope import Received
from shared.messaging.listener import Listener
from shared.messaging.periodic import Periodic
from shared.messaging.purge import EVERY, Purge

EXPIRE_EVERY = 5.0  # seconds


def take(batch: Sequence[Received[Any]]) -> None:
    """Commands and product events of one batch together, so that all rows of both are locked in one order."""
    events = [each.message for each in batch if isinstance(each.message, contracts.ProductEvent)]
    commands = [each for each in batch if not isinstance(each.message, contracts.ProductEvent)]
    if commands:
        apply_commands(commands, events)
    else:
        apply_product_events(events)


HANDLERS: Handlers = {
    contracts.ReserveStock: take,
    contracts.CommitStock: take,
    contracts.ReleaseStock: take,
    contracts.ProductCreated: take,
    contracts.ProductUpdated: take,
    contracts.ProductArchived: take,
}
PERIODIC = [Periodic(expire_some, EXPIRE_EVERY), Periodic(Purge(outlived), EVERY)]
LISTENER = Listener(handlers=HANDLERS, periodic=PERIODIC)
