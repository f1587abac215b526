"""What the stock service is, needs, hears and says."""

from datetime import timedelta

from shared.declaration import CONSUMER, OUTBOX, RELAY, Evidence, Process, Service

SERVICE = Service(
    name="stock",
    port=8003,
    redis=6,
    database="postgres",
    processes=(
        Process("api", passes=OUTBOX),
        Process("consumer", passes=(*CONSUMER, *OUTBOX, *RELAY), not_under_load=("dead-letter.sent",)),
    ),
    writes=("stock.events",),
    listens_to=(
        "stock.reserve.v1",
        "stock.commit.v1",
        "stock.release.v1",
        "product.created.v1",
        "product.updated.v1",
        "product.archived.v1",
    ),
    # Longer than Kafka can bring a reservation's messages again.
    keeps={"reservations that came to nothing": timedelta(days=30)},
    tags={"stock": "How many there are of each product, and why (stock service)."},
    evidence=Evidence(
        of_orders={"reservation": "SELECT order_id, state, lines FROM stock_reservation ORDER BY order_id"},
        checks_itself="stock adds up",
    ),
)
