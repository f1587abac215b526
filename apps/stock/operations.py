"""What managers do to levels, and the stock that a demonstration starts with."""

import zlib
from collections.abc import Callable

from django.db import IntegrityError, transaction

from apps.stock import levels
from apps.stock.errors import BelowReserved, IdempotencyKeyReused, TooMany, UnknownProduct
from apps.stock.models import Kind, Movement, StockItem
from apps.stock.queries import never_moved
from apps.stock.shelves import Shelves
from shared.history.record import line_of, record, record_all
from shared.messaging import outbox

MAX_ON_HAND = 1_000_000_000
DEMO_STOCK = range(25, 501)
DEMO_BATCH = 1000  # products in one transaction


Precondition = Callable[[StockItem], None]


def whatever_it_is(_: StockItem) -> None:
    """The precondition of a caller who named none."""


@transaction.atomic
def set_on_hand(
    product_id: str,
    on_hand: int,
    actor: str,
    precondition: Precondition = whatever_it_is,
    *,
    reason: str = "",
) -> StockItem:
    """Somebody counted: so many there are. The history has the `reason`, where there is one.

    `precondition` is shown the level under its lock. Raises UnknownProduct, BelowReserved and what it raises.
    """
    shelves = _lock_one(product_id)
    if precondition is not whatever_it_is:
        precondition(StockItem.objects.get(pk=product_id))
    delta = on_hand - shelves[product_id].on_hand
    if delta:
        _move(
            shelves, Movement(product_id=product_id, kind=Kind.SET, delta=delta, actor=actor), "set", reason
        )
    return StockItem.objects.get(pk=product_id)


def adjust(product_id: str, delta: int, reason: str, actor: str, key: str | None = None) -> Movement:
    """So many came or went; the same `key` of the same `actor` gives the first movement again.

    Raises UnknownProduct, BelowReserved, TooMany, IdempotencyKeyReused.
    """
    wanted = Movement(
        product_id=product_id,
        kind=Kind.ADJUSTMENT,
        delta=delta,
        reason=reason,
        actor=actor,
        idempotency_key=key,
    )
    try:
        return _adjust(wanted)
    except IntegrityError as error:
        if key is None:
            raise
        # The lock is on the product: the same key for another one, at the same moment, is met only here.
        raise IdempotencyKeyReused from error


@transaction.atomic
def _adjust(wanted: Movement) -> Movement:
    shelves = _lock_one(wanted.product_id)
    earlier = _first_with_key_of(wanted)
    if earlier is None:
        return _move(shelves, wanted, "adjusted", wanted.reason)
    if (earlier.product_id, earlier.delta, earlier.reason) != (
        wanted.product_id,
        wanted.delta,
        wanted.reason,
    ):
        raise IdempotencyKeyReused
    return earlier


def _first_with_key_of(movement: Movement) -> Movement | None:
    if movement.idempotency_key is None:
        return None
    return Movement.objects.filter(actor=movement.actor, idempotency_key=movement.idempotency_key).first()


def _lock_one(product_id: str) -> Shelves:
    shelves = levels.lock([product_id])
    if product_id not in shelves:
        raise UnknownProduct
    return shelves


def _move(shelves: Shelves, movement: Movement, action: str, reason: str) -> Movement:
    shelf = shelves[movement.product_id]
    left = shelf.on_hand + movement.delta
    if left < shelf.reserved:
        raise BelowReserved(
            f"{shelf.on_hand} are on hand and orders hold {shelf.reserved} of them: {left} is too few.",
            on_hand=shelf.on_hand,
            reserved=shelf.reserved,
        )
    if left > MAX_ON_HAND:
        raise TooMany(f"{shelf.on_hand} are on hand and {MAX_ON_HAND} is the most.", on_hand=shelf.on_hand)
    before = shelf.on_hand
    shelves.move(movement)
    outbox.publish(*levels.save(shelves))
    item = StockItem.objects.get(pk=movement.product_id)
    record(item, action, {"on_hand": (before, item.on_hand)}, reason=reason, name=item.name or item.pk)
    return movement


def put_demo_stock() -> int:
    """Some stock for every product that never had any; returns how many products that were."""
    total = 0
    while supplied := _put_some_demo_stock():
        total += supplied
    return total


@transaction.atomic
def _put_some_demo_stock() -> int:
    ids = never_moved(DEMO_BATCH)
    shelves = levels.lock(ids)
    new = set(never_moved(DEMO_BATCH, among=ids))  # looked at again under the lock
    for product_id in sorted(new):
        shelves.move(Movement(product_id=product_id, kind=Kind.INITIAL, delta=demo_quantity(product_id)))
    outbox.publish(*levels.save(shelves))
    record_all(
        line_of(item, "set", {"on_hand": (0, item.on_hand)}, name=item.name or item.pk)
        for item in StockItem.objects.filter(pk__in=new)
    )
    return len(new)


def demo_quantity(product_id: str) -> int:
    """The same for the same product on every machine."""
    return DEMO_STOCK[zlib.crc32(product_id.encode()) % len(DEMO_STOCK)]
