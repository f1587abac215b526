"""From message to handler: everything that the basket service listens to."""

import logging
from collections.abc import Sequence

from apps.basket.offset_recovery import OffsetRecovery
from apps.basket.operations import remove_ordered
from apps.basket.product_copy import copy_products
from shared import contracts
from shared.messaging.dispatch import Handlers
from shared.messaging.envelope import Received
from shared.messaging.listener import Listener

logger = logging.getLogger(__name__)


def take_out(commands: Sequence[Received[contracts.RemoveBasketItems]]) -> None:
    """What was ordered leaves the basket."""
    new = remove_ordered(commands)
    if new < len(commands):
        logger.info("%d of %d orders had left their basket before", len(commands) - new, len(commands))


HANDLERS: Handlers = {
    contracts.ProductCreated: copy_products,
    contracts.ProductUpdated: copy_products,
    contracts.ProductArchived: copy_products,
    contracts.RemoveBasketItems: take_out,
}
LISTENER = Listener(handlers=HANDLERS, after_turn=OffsetRecovery())
