"""Placing an order: the table of its steps.

    submit-order ─▶ reserve-stock ─▶ commit-stock (pivot) ─▶ confirm-order ─▶ remove-from-basket
         ◀─ reject or cancel ◀─ release ◀─ restock

A payment step would go between reserving and committing: one more row, with its compensation.
"""

from apps.saga.definition import Ask, Definition, RetryPolicy, Step
from apps.saga.models import Saga
from shared.contracts import (
    CancelOrder,
    CommitStock,
    ConfirmOrder,
    Item,
    Message,
    OrderCancellationRequested,
    OrderCancelled,
    OrderConfirmed,
    OrderRejected,
    QuotedItem,
    RejectOrder,
    ReleaseStock,
    RemoveBasketItems,
    ReserveStock,
    StockCommitted,
    StockRejected,
    StockReleased,
    StockReserved,
)

UNTIL_DONE = RetryPolicy(timeout=5, retries=60)  # half an hour, then somebody has to look


def items(saga: Saga) -> tuple[Item, ...]:
    """The ordered products and quantities."""
    return tuple(Item(product_id=item["product_id"], quantity=item["quantity"]) for item in saga.items)


def quoted_items(saga: Saga) -> tuple[QuotedItem, ...]:
    """What was ordered, with the version of each product that its price was quoted from, where the order says so."""
    return tuple(
        QuotedItem(
            product_id=item["product_id"],
            quantity=item["quantity"],
            product_version=item.get("product_version"),
        )
        for item in saga.items
    )


def reserve(saga: Saga) -> Message:
    """ReserveStock: hold every line of the order, with the product versions it was priced by."""
    return ReserveStock(order_id=saga.order_id, items=quoted_items(saga))


def commit(saga: Saga) -> Message:
    """CommitStock: the pivot, what is held is sold to the order."""
    return CommitStock(order_id=saga.order_id, items=items(saga))


def release(saga: Saga) -> Message:
    """ReleaseStock: make held lines available again, put sold ones back on hand."""
    return ReleaseStock(order_id=saga.order_id, items=items(saga))


def confirm(saga: Saga) -> Message:
    """ConfirmOrder: its event tells the customer that the order is confirmed."""
    return ConfirmOrder(order_id=saga.order_id)


def undo_order(saga: Saga) -> Message:
    """CancelOrder where somebody asked for it, RejectOrder otherwise, with the saga's reason."""
    kind = CancelOrder if saga.cancel_requested else RejectOrder
    return kind(order_id=saga.order_id, reason=saga.reason or None)


def remove_from_basket(saga: Saga) -> Message:
    """RemoveBasketItems: what was ordered leaves the basket; nobody answers."""
    return RemoveBasketItems(order_id=saga.order_id, customer_id=saga.customer_id, items=items(saga))


PLACEMENT = Definition(
    kind="order-placement",
    version=1,
    cancelled_by=(OrderCancellationRequested,),
    too_late={StockReserved: release, StockCommitted: release},
    steps=(
        Step(
            "submit-order",
            forward=None,
            backward=Ask(undo_order, done=(OrderRejected, OrderCancelled), retry=UNTIL_DONE),
        ),
        Step(
            "reserve-stock",
            forward=Ask(reserve, done=(StockReserved,), refused=(StockRejected, StockReleased)),
            backward=Ask(release, done=(StockReleased,), retry=UNTIL_DONE),
        ),
        Step(
            "commit-stock",
            forward=Ask(commit, done=(StockCommitted,), refused=(StockRejected, StockReleased)),
            backward=Ask(release, done=(StockReleased,), retry=UNTIL_DONE),
            covers=("reserve-stock",),
            pivot=True,
        ),
        Step("confirm-order", forward=Ask(confirm, done=(OrderConfirmed,), retry=UNTIL_DONE)),
        Step("remove-from-basket", forward=Ask(remove_from_basket)),
    ),
)
DEFINITIONS = {PLACEMENT.kind: PLACEMENT}
