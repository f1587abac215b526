"""What the order service is, needs, hears and says."""

from shared.declaration import CONSUMER, OUTBOX, RELAY, Evidence, Process, Service

SERVICE = Service(
    name="order",
    port=8002,
    redis=5,
    database="postgres",
    processes=(
        # An order and its message are one statement: there is nothing between them. At checkout it reads the customer's
        # basket, which is the one call between services.
        Process("api", calls=("basket",), passes=("outbox.committed",)),
        Process("consumer", passes=(*CONSUMER, *OUTBOX, *RELAY), not_under_load=("dead-letter.sent",)),
    ),
    writes=("order.events",),
    listens_to=(
        "order.confirm.v1",
        "order.reject.v1",
        "order.cancel.v1",
        "product.created.v1",
        "product.updated.v1",
        "product.archived.v1",
    ),
    tags={"orders": "What was ordered, and how far it has come (order service)."},
    evidence=Evidence(
        of_orders={
            "order": "SELECT id, status, customer_id FROM order_order ORDER BY id",
            "lines": """
                SELECT order_id, jsonb_object_agg(product_id, quantity) FROM (
                    SELECT order_id, product_id, sum(quantity)::int AS quantity FROM order_orderline GROUP BY 1, 2
                ) AS line GROUP BY 1 ORDER BY 1
            """,
        },
        under_way="SELECT count(*) FROM order_order WHERE status = 'submitted'",
    ),
)
