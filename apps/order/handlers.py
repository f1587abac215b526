"""From message to handler: everything that the order service listens to."""

from apps.order.operations import apply_commands
from apps.order.product_copy import copy_products
from shared import contracts
from shared.messaging.dispatch import Handlers
from shared.messaging.listener import Listener

HANDLERS: Handlers = {
    contracts.ConfirmOrder: apply_commands,
    contracts.RejectOrder: apply_commands,
    contracts.CancelOrder: apply_commands,
    contracts.ProductCreated: copy_products,
    contracts.ProductUpdated: copy_products,
    contracts.ProductArchived: copy_products,
}
LISTENER = Listener(handlers=HANDLERS)
