"""How many changes of the catalogue one partition carries: product's outbox → Kafka → the copies of order, stock, basket.

    .venv/bin/python -m benchmarks.catalogue_updates [--port-offset N] [--changes 5000]

Every product of the platform that runs is repriced again and again, many in one transaction, as fast as MongoDB takes it;
at the end each has its price back. Prints how many were committed a second, and how many had reached every copy a second,
counted from the first commit.
"""

import os
import time
from collections.abc import Callable, Iterator
from decimal import Decimal

import django
from bson import Decimal128
from confluent_kafka import Consumer, TopicPartition

from benchmarks import results
from launcher.addresses import kafka_address
from launcher.instance import Instance
from launcher.services import environment
from launcher.system import service
from shared.contracts.topics import PRODUCT_EVENTS

AT_ONCE = 500  # products in one transaction
COPIES = ("order", "stock", "basket")
CENT = Decimal("0.01")
WAIT_SECONDS = 300.0  # seconds


def main() -> None:
    """Change, wait for the copies, print."""
    parser = results.options(__doc__)
    parser.add_argument("--changes", type=int, default=5000)
    options = parser.parse_args()
    instance = Instance(options.port_offset)
    os.environ.update(environment(service("product"), instance))
    os.environ["DJANGO_SETTINGS_MODULE"] = "apps.product.settings"
    django.setup()
    began = time.monotonic()
    changes = sum(_reprice(piece, cents) for piece, cents in _pieces(options.changes))
    committed = time.monotonic() - began
    load = results.load()
    print(f"{changes} changes, load {load}")
    print(f"committed      in {committed:6.2f} s  {changes / committed:6.0f} a second")
    _wait_for_outbox()
    for copy in COPIES:
        _wait_for(copy, instance)
    copied = time.monotonic() - began
    print(f"in every copy  in {copied:6.2f} s  {changes / copied:6.0f} a second")
    found = {
        "changes": changes,
        "committed_a_second": round(changes / committed),
        "copied_a_second": round(changes / copied),
        "load": load,
    }
    results.save(options.json, [found])


def _pieces(changes: int) -> Iterator[tuple[list[object], Decimal]]:
    """Ids of products, some at a time, and what is added to their prices: in each second round what undoes the first."""
    from apps.product.models import Product

    ids = list(Product.objects.filter(is_active=True).order_by("pk").values_list("pk", flat=True))
    pieces = [ids[start : start + AT_ONCE] for start in range(0, len(ids), AT_ONCE)]
    for _ in range(max(1, round(changes / len(ids) / 2))):
        yield from ((piece, CENT) for piece in pieces)
        yield from ((piece, -CENT) for piece in pieces)


def _reprice(ids: list[object], cents: Decimal) -> int:
    from apps.product.models import Product
    from apps.product.mongodb import mongo
    from apps.product.operations import announce
    from apps.product.transactions import in_transaction
    from shared.contracts import ProductUpdated

    @in_transaction
    def change() -> int:
        mongo.get_collection(Product._meta.db_table).update_many(
            {"_id": {"$in": ids}},
            {"$inc": {"version": 1, "price": Decimal128(cents)}},
            session=mongo.session,
        )
        products = list(Product.objects.filter(pk__in=ids))
        announce(ProductUpdated, products)
        return len(products)

    return change()


def _wait_for_outbox() -> None:
    from shared.messaging.models import OutboxMessage

    _until(lambda: not OutboxMessage.objects.filter(sent_at=None).exists(), "the outbox is empty")


def _wait_for(group: str, instance: Instance) -> None:
    """Until the consumers of `group` are done with everything that is on the topic."""
    place = TopicPartition(PRODUCT_EVENTS.name, 0)
    reader = Consumer(
        {"bootstrap.servers": kafka_address(instance), "group.id": group, "enable.auto.commit": False}
    )
    try:
        _, end = reader.get_watermark_offsets(place, timeout=10)
        _until(
            lambda: reader.committed([place], timeout=10)[0].offset >= end, f"{group} has all of the topic"
        )
    finally:
        reader.close()


def _until(holds: Callable[[], bool], what: str) -> None:
    give_up_at = time.monotonic() + WAIT_SECONDS
    while not holds():
        if time.monotonic() > give_up_at:
            raise SystemExit(f"It did not happen in {WAIT_SECONDS:.0f} s that {what}.")
        time.sleep(0.02)


if __name__ == "__main__":
    main()
