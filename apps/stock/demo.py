"""The stock that a demonstration starts with."""

import zlib

from django.db import transaction

from apps.stock import levels
from apps.stock.models import Kind, Movement, StockItem
from apps.stock.queries import never_moved
from shared.history.record import line_of, record_all
from shared.messaging import outbox

DEMO_STOCK = range(25, 501)
DEMO_BATCH = 1000  # products in one transaction


def put_demo_stock() -> int:
    """Some stock for every product that never had any; returns how many products that were."""
    total = 0
    while supplied := _put_some_demo_stock():
        total += supplied
    return total


@transaction.atomic
def _put_some_demo_stock() -> int:
    ids = never_moved(DEMO_BATCH)
    locked = levels.lock(ids)
    new = set(never_moved(DEMO_BATCH, among=ids))  # looked at again under the lock
    for product_id in sorted(new):
        locked.move(Movement(product_id=product_id, kind=Kind.INITIAL, delta=demo_quantity(product_id)))
    outbox.publish(*levels.save(locked))
    record_all(
        line_of(item, "set", {"on_hand": (0, item.on_hand)}, name=item.name or item.pk)
        for item in StockItem.objects.filter(pk__in=new)
    )
    return len(new)


def demo_quantity(product_id: str) -> int:
    """The same for the same product on every machine."""
    return DEMO_STOCK[zlib.crc32(product_id.encode()) % len(DEMO_STOCK)]
