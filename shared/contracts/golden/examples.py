"""A complete message of every kind: each field that it can have, it has."""

from decimal import Decimal
from uuid import UUID

from shared import contracts
from shared.contracts import Item, Message, OrderedItem, QuotedItem, Shortage

PRODUCT = "65f0c0ffee65f0c0ffee65f0"
ORDER = UUID("0193a5b0-7c1e-7f3a-9d2b-5e8f1c2d3a4b")
CUSTOMER = "8c1f6f0e-3a52-4b7e-9a55-0d6a4e2b7c19"
REASON = "There were only 2 left."

_PRODUCT = {
    "product_id": PRODUCT,
    "name": "Desk lamp “Nord”",
    "price": Decimal("49.90"),
    "currency": "EUR",
    "is_active": True,
    "version": 3,
}
_ORDER = {
    "order_id": ORDER,
    "customer_id": CUSTOMER,
    "items": (
        OrderedItem(
            product_id=PRODUCT,
            quantity=2,
            name="Desk lamp “Nord”",
            unit_price=Decimal("49.90"),
            product_version=3,
        ),
    ),
    "total": Decimal("99.80"),
    "currency": "EUR",
    "reason": REASON,
    "number": "MC-7K3F9-Q2XB4",
}
_ITEMS = (Item(product_id=PRODUCT, quantity=2),)
_QUOTED = (QuotedItem(product_id=PRODUCT, quantity=2, product_version=3),)
_LEVEL = {"product_id": PRODUCT, "on_hand": 12, "reserved": 2, "available": 10, "version": 7}
_SHORTAGE = Shortage(product_id=PRODUCT, requested=5, available=2)

EXAMPLES: tuple[Message, ...] = (
    *(
        kind.model_validate(_PRODUCT)
        for kind in (contracts.ProductCreated, contracts.ProductUpdated, contracts.ProductArchived)
    ),
    *(
        kind.model_validate(_ORDER)
        for kind in (
            contracts.OrderSubmitted,
            contracts.OrderConfirmed,
            contracts.OrderRejected,
            contracts.OrderCancellationRequested,
            contracts.OrderCancelled,
            contracts.OrderShipped,
            contracts.OrderDelivered,
        )
    ),
    *(
        kind(order_id=ORDER, reason=REASON)
        for kind in (contracts.ConfirmOrder, contracts.RejectOrder, contracts.CancelOrder)
    ),
    contracts.ReserveStock(order_id=ORDER, items=_QUOTED),
    *(kind(order_id=ORDER, items=_ITEMS) for kind in (contracts.CommitStock, contracts.ReleaseStock)),
    contracts.StockReserved(order_id=ORDER),
    contracts.StockRejected(order_id=ORDER, shortages=(_SHORTAGE,), reason=REASON, unavailable=(PRODUCT,)),
    contracts.StockCommitted(order_id=ORDER),
    contracts.StockReleased(order_id=ORDER, reason="released"),
    contracts.StockLevelChanged.model_validate(_LEVEL),
    contracts.RemoveBasketItems(customer_id=CUSTOMER, order_id=ORDER, items=_ITEMS),
)
