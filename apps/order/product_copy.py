"""The copy of the catalogue that orders are priced by, kept up to date by product events."""

from collections.abc import Sequence

from django.db import connection

from shared import contracts
from shared.messaging.envelope import Received
from shared.postgresql.columns import Columns

PRODUCTS = Columns(
    product_id="text", name="text", price="numeric", currency="text", is_active="bool", version="bigint"
)
UPSERT = f"""
    INSERT INTO order_productcopy AS mine ({PRODUCTS.names})
    SELECT * FROM {PRODUCTS.rows}
    ON CONFLICT (product_id) DO UPDATE SET (name, price, currency, is_active, version)
        = (EXCLUDED.name, EXCLUDED.price, EXCLUDED.currency, EXCLUDED.is_active, EXCLUDED.version)
    WHERE mine.version < EXCLUDED.version
"""  # noqa: S608 - names of our own


def copy_products(events: Sequence[Received[contracts.ProductEvent]]) -> None:
    """Keep the newest version of each product; an older one that comes late changes nothing."""
    newest: dict[str, contracts.ProductEvent] = {}
    for received in events:
        product = received.message
        if product.product_id not in newest or newest[product.product_id].version < product.version:
            newest[product.product_id] = product
    rows = [newest[key] for key in sorted(newest)]
    with connection.cursor() as cursor:
        cursor.execute(UPSERT, PRODUCTS.of(rows))
